import { connect } from 'node:net';
import { IOStream } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

/** Sends a message over a connection of its own, and closes it after the echo. */
export type One = (port: number, message: Buffer, closed: (reused?: unknown) => void, failed: (reason: unknown) => void) => void;

export const oneOfOurs: One = (port, message, closed, failed) => {
  const io = new IOStream({ host: '127.0.0.1', port });
  let remaining = message.length;
  io.write(message);
  io.data$.subscribe({
    next: (chunk) => {
      remaining -= chunk.length;
      if (remaining === 0) io.close();
    },
    error: failed,
  });
  io.closed$.subscribe(() => closed());
};

const rawOne: One = (port, message, closed, failed) => {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let remaining = message.length;
  socket.write(message);
  socket.on('data', (chunk) => {
    remaining -= chunk.length;
    if (remaining === 0) socket.end();
  });
  socket.on('error', failed);
  socket.on('close', () => closed());
};

/** Makes `units` connections, `connections` at a time. */
export function churning(name: string, one: One): Program {
  return {
    name,
    run: ({ port, units, chunk, connections }: Job) =>
      new Promise<Outcome>((resolve, reject) => {
        const message = Buffer.alloc(chunk, 'x');
        let started = 0;
        let closed = 0;
        const start = (): void => {
          started += 1;
          one(port, message, onClosed, reject);
        };
        const onClosed = (): void => {
          closed += 1;
          if (started < units) start();
          else if (closed === units) resolve(clock.stop(units));
        };
        const clock = new Clock();
        for (let i = 0; i < Math.min(connections, units); i += 1) start();
      }),
  };
}

function row(connections: number): Row {
  return {
    name: `connect-echo-close-${connections}`,
    title: `connect–echo–close, ${connections} at a time`,
    programs: [churning('ours', oneOfOurs), churning('net', rawOne)],
    peer: 'echo',
    work: { connections, chunk: 64 },
    start: 1_000,
    unit: { name: 'conn', size: 1 },
    figures: [perSecond('conn', 1, 0.95, 'both')],
  };
}

export const connectEchoClose1: Row = row(1);
export const connectEchoClose100: Row = row(100);
