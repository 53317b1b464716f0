import { connect, type ConnectionOptions } from 'node:tls';
import { IOStream, tlsClient } from 'rxjs-io-stream';
import * as certificates from '../../support/certificates.ts';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

/** The options of both programs. */
const OPTIONS = { ca: certificates.ca } satisfies ConnectionOptions;
const ssl = tlsClient(OPTIONS);

/** The work of a program on its connection. */
interface Transfer {
  /** Writes the remaining bytes, until `write` returns false. */
  readonly pump: (write: (bytes: Buffer) => boolean) => void;
  /** Counts received bytes. Returns true after the last one: the connection must be closed then. */
  readonly take: (bytes: Buffer) => boolean;
  readonly failed: (reason: unknown) => void;
  readonly closed: () => void;
}

/** Runs until all bytes are received. With `sends`, the bytes of the job are sent, and the peer confirms them with one byte. */
const program = (name: string, sends: boolean, start: (port: number, transfer: Transfer) => void): Program => ({
  name,
  run: ({ port, units, chunk }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      const bytes = Buffer.alloc(chunk, 'x');
      let unsent = sends ? units : 0;
      let remaining = sends ? 1 : units;
      let outcome: Outcome;
      start(port, {
        pump: (write) => {
          for (let more = true; more && unsent > 0; unsent -= chunk) more = write(bytes);
        },
        take: ({ length }) => {
          remaining -= length;
          if (remaining > 0) return false;
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
    figures: [perSecond('MiB', MIB, 0.95, 'cpu')],
  };
}

export const tlsSend64k: Row = bulk('send');
export const tlsReceive64k: Row = bulk('receive');
