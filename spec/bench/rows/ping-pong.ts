import { connect } from 'node:net';
import { IOStream } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import { perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';
import { quantile } from '../stats.ts';

/** Counts the bytes of an answer, and measures each round trip. */
class Rally {
  readonly #trips: Float64Array;
  readonly #chunk: number;
  readonly #clock = new Clock();
  #remaining: number;
  #count = 0;
  #at = performance.now();

  constructor({ units, chunk }: Job) {
    this.#trips = new Float64Array(units);
    this.#chunk = chunk;
    this.#remaining = chunk;
  }

  /** Counts bytes of an answer. Returns whether it is complete. */
  receive(bytes: number): boolean {
    this.#remaining -= bytes;
    if (this.#remaining > 0) return false;
    this.#remaining = this.#chunk;
    const now = performance.now();
    this.#trips[this.#count] = now - this.#at;
    this.#at = now;
    this.#count += 1;
    return true;
  }

  get isOver(): boolean {
    return this.#count === this.#trips.length;
  }

  result(): Outcome {
    const { length } = this.#trips;
    const outcome = this.#clock.stop(length);
    return { ...outcome, extra: { p99: quantile(this.#trips, 0.99) * 1e3 } };
  }
}

const ours: Program = {
  name: 'ours',
  run: (job) =>
    new Promise<Outcome>((resolve, reject) => {
      const rally = new Rally(job);
      const message = Buffer.alloc(job.chunk, 'x');
      let outcome: Outcome;
      const io = new IOStream({ host: '127.0.0.1', port: job.port });
      io.data$.subscribe({
        next: (chunk) => {
          if (!rally.receive(chunk.length)) return;
          if (!rally.isOver) {
            io.write(message);
            return;
          }
          outcome = rally.result();
          io.close();
        },
        error: reject,
      });
      io.closed$.subscribe(() => resolve(outcome));
      io.write(message);
    }),
};

const raw: Program = {
  name: 'net',
  run: (job) =>
    new Promise<Outcome>((resolve, reject) => {
      const rally = new Rally(job);
      const message = Buffer.alloc(job.chunk, 'x');
      let outcome: Outcome;
      const socket = connect({ host: '127.0.0.1', port: job.port, noDelay: true });
      socket.on('data', (chunk) => {
        if (!rally.receive(chunk.length)) return;
        if (!rally.isOver) {
          socket.write(message);
          return;
        }
        outcome = rally.result();
        socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(outcome));
      socket.write(message);
    }),
};

export const pingPong: Row = {
  name: 'ping-pong',
  title: 'ping-pong of 64 bytes',
  programs: [ours, raw],
  peer: 'echo',
  work: { connections: 1, chunk: 64 },
  start: 3_000,
  unit: { name: 'trip', size: 1 },
  figures: [
    perSecond('trips', 1, 0.95),
    {
      title: 'ping-pong of 64 bytes, p99',
      unit: 'µs',
      value: ({ extra }) => extra?.p99 ?? NaN,
      better: 'less',
      compare: 'ratio',
      asked: 0.95,
      judge: 'value',
    },
  ],
};
