import { isObservable, map, of, share, tap, throwIfEmpty, type Observable, type SchedulerLike } from 'rxjs';
import { layer } from '../../wire/layer.ts';
import { ownOptions } from '../../util/own-options.ts';
import type { Plugin } from '../../wire/signal.ts';
import { Budget } from './budget.ts';
import { ThrottleLayer, type Budgets } from './throttle-layer.ts';

/** The options of {@link throttleBytes}. */
export interface ThrottleBytesOptions {
  /**
   * The limit of each direction in bytes per second. Infinity means no limit, and costs nothing once it is final. An Observable may change the rate while bytes flow, and
   * 0 stops them. No byte passes before its first value. After completion, the last value remains in effect.
   */
  readonly rate: number | Observable<number>;
  /** How many bytes may pass at once after a pause: an integer, 1 or more. @default the bytes of 100 ms at the current rate */
  readonly burst?: number | undefined;
  /** The limited direction; the other one is not limited. @default 'both' */
  readonly direction?: 'both' | 'down' | 'up' | undefined;
  /** Share one budget between all connections of this plugin, instead of one budget for each. @default false */
  readonly shared?: boolean | undefined;
}

/**
 * Creates a plugin that limits the throughput to `rate` bytes per second.
 *
 * ```text
 *   application ── data(3000) ──▶ outbound budget ──────── data(1000) ─ data(1000) ─ data(1000) ──▶ wire
 *   application ◀── data(10) ─ data(10) … ── inbound budget ◀──────────────────────── data(500) ─── wire
 * ```
 *
 * Each direction has a token bucket of `burst` bytes that is refilled at `rate`. In any time t at most `burst + rate × t` bytes pass.
 * For a different rate in each direction, use two plugins with one `direction` each. Time is that of the dial's scheduler.
 *
 * - With `shared: true`, all connections of this plugin on one scheduler use one bucket for each direction. They take turns in slices
 *   of 10 ms, at most 4 KiB, so that none starves.
 * - Timers have a resolution of 1 ms: a `burst` below the bytes of 2 ms limits the rate further.
 *
 * **Errors**
 * - An error of the `rate` Observable, completion without a value (EmptyError) and an invalid value fail all connections that use it.
 * - An error of the wire follows all bytes before it. These bypass the budget, but an application that pauses reads them first.
 * - `timeouts.write` includes the time in the queue: set it longer than the time of one slice.
 *
 * **Closing**
 * - `end` and close wait for the queued bytes. Reset does not.
 * - After a close, bytes remain unsent if none passes for `timeouts.close`, for example at rate 0.
 * - Unsubscribing frees everything. `rate` is subscribed while connections exist.
 *
 * **Backpressure, Memory**
 * - A direction with 64 KiB or 1024 chunks queued pauses its sender, and resumes it at half of that. Lossless.
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
 * @throws TypeError for an invalid option.
 */
export function throttleBytes(options: ThrottleBytesOptions): Plugin {
  const given = ownOptions(options, 'throttleBytes', ['rate', 'burst', 'direction', 'shared']);
  check(given);
  if (given.rate === Infinity) return (wire) => wire;
  const { shared = false } = given;
  const common = new WeakMap<SchedulerLike, ThrottleBudgets>();
  const throttleOn = (scheduler: SchedulerLike): ThrottleBudgets => {
    const throttle = common.get(scheduler) ?? new ThrottleBudgets(scheduler, given);
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

/** The budgets of one connection, or of all connections that share them. */
class ThrottleBudgets implements Budgets {
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
      // After completion the last value remains in effect. A later connection must not restart the rate of the others.
      share({ resetOnComplete: false }),
    );
  }
}
