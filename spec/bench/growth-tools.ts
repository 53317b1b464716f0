import { config, Observable, Subscription, type SchedulerLike, type Subscriber } from 'rxjs';
import { IOStream, type IOStreamOptions, type Up, type Wire } from 'rxjs-io-stream';

/** Work whose CPU time should be proportional to its number of units. */
export interface GrowthRow {
  readonly name: string;
  /** Numbers of units, ascending. */
  readonly sizes: readonly number[];
  run(units: number): Promise<void>;
}

export const COUNTS = [10, 100, 1_000, 3_000, 10_000];
const UNBOUNDED = 2 ** 40;

config.onUnhandledError = (error) => {
  if (!(error instanceof Error && 'code' in error)) throw error;
};

export interface Bench {
  readonly io: IOStream;
  emit(...signals: readonly Up[]): void;
}

/** Opens a stream over a wire without sockets, which sends at once what is written. */
export async function open(options: IOStreamOptions = {}): Promise<Bench> {
  let up: Subscriber<Up> | undefined;
  let ends = 0;
  /** Frees the wire when both directions have ended. */
  const onEnd = (): void => {
    ends += 1;
    if (ends === 2) up?.complete();
  };
  const wire: Wire = () => (flow$) =>
    new Observable<Up>((subscriber) => {
      up = subscriber;
      subscriber.add(
        flow$.subscribe({
          next: (signal) => {
            if (signal.kind === 'data') subscriber.next({ kind: 'sent', bytes: signal.bytes.length });
            if (signal.kind === 'end') onEnd();
          },
          complete: () => subscriber.complete(),
          error: (error: unknown) => subscriber.error(error),
        }),
      );
      subscriber.next({ kind: 'connected', details: [{ wire: 'bench' }] });
    });
  const timeouts = { write: 0, establish: 0, idle: 0 };
  const io = new IOStream({ wire, timeouts, outBufLimit: 0, highWaterMark: UNBOUNDED, ...options });
  await turns();
  return {
    io,
    emit: (...signals) => {
      for (const signal of signals) {
        up?.next(signal);
        if (signal.kind === 'end') onEnd();
      }
    },
  };
}

export async function turns(count = 2): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => void setImmediate(resolve));
}

export function times(count: number, work: (index: number) => void): void {
  for (let i = 0; i < count; i += 1) work(i);
}

export function expectCount(got: number, expected: number): void {
  if (got !== expected) throw new Error(`expected ${expected} units, got ${got}`);
}

interface Timer {
  readonly due: number;
  work: (() => void) | undefined;
}

/** Virtual time for timers of one length. That of RxJS sorts all of its actions at each call. */
export class Clock implements SchedulerLike {
  #now = 0;
  readonly #timers: Timer[] = [];

  readonly now = (): number => this.#now;

  readonly schedule = ((work: () => void, delay = 0): Subscription => {
    const timer: Timer = { due: this.#now + delay, work };
    this.#timers.push(timer);
    return new Subscription(() => void (timer.work = undefined));
  }) as SchedulerLike['schedule'];

  /** Advances the time to `now`, and runs what is due. */
  advance(now: number): void {
    this.#now = now;
    for (let timer = this.#timers[0]; timer && timer.due <= now; timer = this.#timers[0]) {
      this.#timers.shift();
      timer.work?.();
    }
  }
}
