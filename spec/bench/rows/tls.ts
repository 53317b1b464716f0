import { connect, type ConnectionOptions } from 'node:tls';
import { IOStream, tlsClient } from 'rxjs-io-stream';
import * as certificates from '../../support/certificates.ts';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

/** The same for both programs. */
const OPTIONS = { ca: certificates.ca } satisfies ConnectionOptions;
const ssl = tlsClient(OPTIONS);

/** What one side of the row is told to do on its connection. */
interface Talk {
  /** Gives what is to be sent, until the other side says stop. */
  readonly pump: (write: (bytes: Buffer) => boolean) => void;
  /** Counts what has come; true when that was the last, and the connection is to be closed. */
  readonly take: (bytes: Buffer) => boolean;
  readonly failed: (reason: unknown) => void;
  readonly closed: () => void;
}

/** Runs until all has come; with `sends` the bytes of the job go out first, and the peer says with one byte that it has them. */
const program = (name: string, sends: boolean, start: (port: number, talk: Talk) => void): Program => ({
  name,
  run: ({ port, units, chunk }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      const bytes = Buffer.alloc(chunk, 'x');
      let unsent = sends ? units : 0;
      let left = sends ? 1 : units;
      let outcome: Outcome;
      start(port, {
        pump: (write) => {
          for (let more = true; more && unsent > 0; unsent -= chunk) more = write(bytes);
        },
        take: ({ length }) => {
          left -= length;
          if (left > 0) return false;
          outcome = clock.stop(units);
          return true;
        },
        failed: reject,
        closed: () => resolve(outcome),
      });
    }),
});

const ours = (sends: boolean): Program =>
  program('tlsClient', sends, (port, { pump, take, failed, closed }) => {
    const io = new IOStream({ host: '127.0.0.1', port, plugin: { ssl } });
    io.data$.subscribe({
      next: (bytes) => {
        if (take(bytes)) io.close();
      },
      error: failed,
    });
    io.closed$.subscribe(closed);
    io.output.blocked$.subscribe((blocked) => {
      if (!blocked) pump((bytes) => io.write(bytes));
    });
  });

const raw = (sends: boolean): Program =>
  program('tls.connect', sends, (port, { pump, take, failed, closed }) => {
    const socket = connect({ ...OPTIONS, host: '127.0.0.1', port });
    const push = (): void => pump((bytes) => socket.write(bytes));
    socket.on('drain', push);
    socket.on('data', (bytes: Buffer) => {
      if (take(bytes)) socket.end();
    });
    socket.on('error', failed);
    socket.on('close', closed);
    push();
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
