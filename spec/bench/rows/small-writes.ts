import { connect } from 'node:net';
import { IOStream } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { MIB, perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

const WRITES_PER_TICK = 100;

const ours: Program = {
  name: 'ours',
  run: ({ port, units, chunk }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      const message = Buffer.alloc(chunk, 'x');
      let remaining = units / chunk;
      let outcome: Outcome;
      const io = new IOStream({ host: '127.0.0.1', port });
      const tick = (): void => {
        let more = true;
        for (let i = 0; i < WRITES_PER_TICK && remaining > 0; i += 1, remaining -= 1) more = io.write(message);
        if (more && remaining > 0) setImmediate(tick);
      };
      io.output.blocked$.subscribe((blocked) => {
        if (!blocked) setImmediate(tick);
      });
      io.data$.subscribe({
        next: () => {
          outcome = clock.stop(units);
          io.close();
        },
        error: reject,
      });
      io.closed$.subscribe(() => resolve(outcome));
    }),
};

/** The obvious program: one `socket.write` for each message. */
const naive: Program = {
  name: 'naive net',
  run: ({ port, units, chunk }: Job) =>
    new Promise<Outcome>((resolve, reject) => {
      const clock = new Clock();
      const message = Buffer.alloc(chunk, 'x');
      let remaining = units / chunk;
      let outcome: Outcome;
      const socket = connect({ host: '127.0.0.1', port });
      const tick = (): void => {
        let more = true;
        for (let i = 0; i < WRITES_PER_TICK && remaining > 0; i += 1, remaining -= 1) more = socket.write(message);
        if (more && remaining > 0) setImmediate(tick);
      };
      socket.on('drain', tick);
      socket.on('data', () => {
        outcome = clock.stop(units);
        socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(outcome));
      setImmediate(tick);
    }),
};

export const smallWrites: Row = {
  name: 'small-writes',
  title: '64-byte writes, 100 a tick',
  programs: [ours, naive],
  peer: 'sink',
  work: { connections: 1, chunk: 64 },
  start: 64 * 20_000,
  unit: { name: 'MiB', size: MIB },
  figures: [perSecond('msg', 64, 5)],
};
