import { listen, IOStream, mux } from 'rxjs-io-stream';
import type { AddressInfo } from 'node:net';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

/** Both ends are in this process: its CPU is that of both. @param isMuxed whether the stream is one of a mux. */
function transfer(name: string, isMuxed: boolean): Program {
  return {
    name,
    run: ({ units, chunk }: Job) =>
      new Promise<Outcome>((resolve, reject) => {
        let clock: Clock;
        let outcome: Outcome;
        const receive = (io: IOStream): void => {
          let received = 0;
          io.data$.subscribe({
            next: (bytes) => {
              received += bytes.length;
              if (received < units) return;
              outcome = clock.stop(units);
              io.write('done');
            },
            error: reject,
          });
        };
        const serving = listen({ host: '127.0.0.1', port: 0 }).subscribe((server) => {
          server.connections$.subscribe((io) => {
            if (isMuxed) mux(io, { role: 'server' }).connections$.subscribe(receive);
            else receive(io);
          });
          const below = new IOStream({ host: '127.0.0.1', port: (server.address as AddressInfo).port });
          const link = isMuxed ? mux(below, { role: 'client' }) : undefined;
          const io = link ? new IOStream({ wire: link.wire() }) : below;
          below.closed$.subscribe(() => {
            serving.unsubscribe();
            resolve(outcome);
          });
          io.data$.subscribe({
            next: () => {
              link?.drain({ deadline: 1000 }).subscribe();
              io.close();
            },
            error: reject,
          });
          clock = new Clock();
          write(io, Buffer.alloc(chunk, 'x'), units);
        });
      }),
  };
}

function write(io: IOStream, chunk: Buffer, units: number): void {
  let remaining = units;
  io.output.blocked$.subscribe((isBlocked) => {
    if (isBlocked) return;
    let more = true;
    while (more && remaining > 0) {
      remaining -= chunk.length;
      more = io.write(chunk);
    }
  });
}

/** A stream of a mux on loopback TCP, against the same stream alone. */
export const muxBulk: Row = {
  name: 'mux',
  title: 'one stream over mux, one way, both ends',
  programs: [transfer('over mux', true), transfer('alone', false)],
  work: { connections: 1, chunk: 64 * 1024 },
  start: 128 * MIB,
  unit: { name: 'MiB', size: MIB },
  figures: [perSecond('MiB', MIB, 0.7, 'cpu')],
};
