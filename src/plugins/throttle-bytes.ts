import { isObservable, map, of, share, tap, throwIfEmpty, type Observable, type SchedulerLike } from 'rxjs';
import { layer } from '../wire/layer.ts';
import { ownOptions } from '../wire/own-options.ts';
import type { Plugin } from '../wire/signal.ts';
import { Budget } from './throttle-bytes-budget.ts';
import { ThrottleLayer, type Budgets } from './throttle-bytes-layer.ts';

/** How fast bytes may pass; see {@link throttleBytes}. */
export interface ThrottleBytesOptions {
  /**
   * Bytes per second, in each direction; Infinity is no limit. An Observable may change it while bytes flow, and 0 stops them:
   * nothing passes before its first value, and the last one holds when it completes.
   */
  readonly rate: number | Observable<number>;
  /** How many bytes may pass at once after a pause: a whole number, 1 or more. @default what passes in 100 ms at the present rate */
  readonly burst?: number | undefined;
  /** Which way is limited; the other is not. @default 'both' */
  readonly direction?: 'both' | 'down' | 'up' | undefined;
  /** One budget for all connections of this plugin instead of one for each. @default false */
  readonly shared?: boolean | undefined;
}

/**
 * Makes a plugin that lets bytes pass at no more than `rate` a second.
 *
 * ```text
 *   application ── data(3000) ──▶ budget of the way down ── data(1000) ─ data(1000) ─ data(1000) ──▶ wire
 *   application ◀── data(10) ─ data(10) … ── budget of the way up ◀─────────────────── data(500) ─── wire
 * ```
 *
 * In plain words: each direction has a bucket that holds `burst` bytes and is filled at `rate`. A byte takes one out; where
 * there is none it waits for it, in order. In any time t at most `burst + rate × t` bytes pass. For another rate each way put
 * two of them in the list, one `direction` each.
 *
 * - **Backpressure.** A direction that holds 64 KiB (or 1024 chunks) pauses its sender, and resumes him at half of it: the
 *   application waits for `sent`, a peer is held up by TCP. Lossless; memory is bounded.
 * - **Ends.** `end` and close wait behind the bytes; a reset does not. An error of the wire comes after all bytes before it, at
 *   once, or when an application that pauses meanwhile has taken them. After a close nothing is waited for when no byte leaves
 *   for `timeouts.close`: with a rate of 0 the rest stays unsent.
 * - **Shared.** With `shared: true` all connections that this value serves draw on one bucket for each direction. They stand in
 *   line and each gets a slice (what passes in 10 ms, 4 KiB at the most): none starves, however greedy the others are. Buckets
 *   are shared by connections on one scheduler, since two clocks cannot be compared.
 * - **Timeouts.** `timeouts.write` runs while bytes wait here: it must be longer than what one slice takes.
 * - **Time** is the dial's scheduler. Real timers have a millisecond: a `burst` smaller than what passes in two of them is a
 *   limit of its own.
 *
 * An error of the `rate` Observable, one that ends without a value (RxJS's EmptyError), and a value that is no rate fail the
 * connections it serves. It is subscribed for as long as there is one. Unsubscribing frees everything.
 *
 * ```ts
 * import { IOStream, throttleBytes } from 'rxjs-io-stream';
 * import { BehaviorSubject } from 'rxjs';
 *
 * const rate = new BehaviorSubject(1_000_000);
 * const limited = throttleBytes({ rate, shared: true });
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { limited }, cb: console.log });
 * rate.next(50_000); // all of its connections are slower from now on
 * ```
 *
 * @throws TypeError for a wrong option.
 */
export function throttleBytes(options: ThrottleBytesOptions): Plugin {
  const given = ownOptions(options, 'throttleBytes', ['rate', 'burst', 'direction', 'shared']);
  check(given);
  const { shared = false } = given;
  const common = new WeakMap<SchedulerLike, Throttle>();
  const throttleOn = (scheduler: SchedulerLike): Throttle => {
    const throttle = common.get(scheduler) ?? new Throttle(scheduler, given);
    if (shared) common.set(scheduler, throttle);
    return throttle;
  };
  return (wire) => (dial) => layer(wire, dial, (ports) => new ThrottleLayer(throttleOn(dial.scheduler), ports));
}

function check({ rate, burst, direction = 'both', shared = false }: ThrottleBytesOptions): void {
  if (!isObservable(rate) && !(isRate(rate) && rate > 0))
    throw new TypeError(`expected \`rate\` to be bytes per second, more than 0, or an Observable of them, got ${String(rate)}`);
  if (burst !== undefined && !(Number.isSafeInteger(burst) && burst > 0))
    throw new TypeError(`expected \`burst\` to be a whole number of bytes, 1 or more, got ${String(burst)}`);
  if (!['both', 'down', 'up'].includes(direction))
    throw new TypeError(`expected \`direction\` to be 'both', 'down' or 'up', got ${direction as string}`);
  if (typeof shared !== 'boolean') throw new TypeError(`expected \`shared\` to be true or false, got ${String(shared)}`);
}

function isRate(rate: unknown): rate is number {
  return typeof rate === 'number' && rate >= 0;
}

function rateOf(rate: unknown): number {
  if (isRate(rate)) return rate;
  throw new TypeError(`expected \`rate\` to emit bytes per second, 0 or more, got ${String(rate)}`);
}

/** What one connection draws on, or all that share it. */
class Throttle implements Budgets {
  readonly down: Budget;
  readonly up: Budget;
  readonly rate$: Observable<number>;

  constructor(scheduler: SchedulerLike, { rate, burst, direction = 'both' }: ThrottleBytesOptions) {
    this.down = new Budget(scheduler, burst);
    this.up = new Budget(scheduler, burst);
    if (direction === 'up') this.down.rate = Infinity;
    if (direction === 'down') this.up.rate = Infinity;
    const limited = direction === 'both' ? [this.down, this.up] : [this[direction]];
    this.rate$ = (isObservable(rate) ? rate : of(rate)).pipe(
      throwIfEmpty(),
      map(rateOf),
      tap((bytes) => limited.forEach((budget) => (budget.rate = bytes))),
      // When it has completed its last value holds: who comes later must not begin it anew for the others.
      share({ resetOnComplete: false }),
    );
  }
}
