import { connect, type ConnectionOptions } from 'node:tls';
import { IOStream } from 'rxjs-io-stream';
import { tlsClient } from 'rxjs-io-stream';
import * as certificates from '../../support/certificates.ts';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

/** The same for both programs. */
const OPTIONS = { ca: certificates.ca } satisfies ConnectionOptions;
const ssl = tlsClient(OPTIONS);

/** Runs until all has come; with `sends` the bytes of the job go out first, and the peer says with one byte that it has them. */
const ours = (sends: boolean): Program => ({
  name: 'tlsClient',
  run: ({ port, units, chunk }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      const bytes = Buffer.alloc(chunk, 'x');
      let unsent = sends ? units : 0;
      let left = sends ? 1 : units;
      let outcome: Outcome;
      const io = new IOStream({ host: '127.0.0.1', port, plugin: { ssl } });
      io.data$.subscribe({
        next: ({ length }) => {
          left -= length;
          if (left > 0) return;
          outcome = clock.stop(units);
          io.close();
        },
        error: reject,
      });
      io.closed$.subscribe(() => resolve(outcome));
      io.output.blocked$.subscribe((blocked) => {
        for (let more = !blocked; more && unsent > 0; unsent -= chunk) more = io.write(bytes);
      });
    }),
});

const raw = (sends: boolean): Program => ({
  name: 'tls.connect',
  run: ({ port, units, chunk }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      const bytes = Buffer.alloc(chunk, 'x');
      let unsent = sends ? units : 0;
      let left = sends ? 1 : units;
      let outcome: Outcome;
      const socket = connect({ ...OPTIONS, host: '127.0.0.1', port });
      const pump = (): void => {
        for (let more = true; more && unsent > 0; unsent -= chunk) more = socket.write(bytes);
      };
      socket.on('drain', pump);
      socket.on('data', ({ length }) => {
        left -= length;
        if (left > 0) return;
        outcome = clock.stop(units);
        socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(outcome));
      pump();
    }),
});

function bulk(direction: 'send' | 'receive'): Row {
  const sends = direction === 'send';
  return {
    name: `tls-${direction}-64k`,
    title: `TLS ${direction}, 64 KiB chunks`,
    programs: [ours(sends), raw(sends)],
    peer: sends ? 'tls-sink' : 'tls-source',
    work: { connections: 1, chunk: 64 * 1024 },
    start: 64 * MIB,
    unit: { name: 'MiB', size: MIB },
    figures: [perSecond('MiB', MIB, 0.8)],
  };
}

export const tlsSend64k: Row = bulk('send');
export const tlsReceive64k: Row = bulk('receive');
