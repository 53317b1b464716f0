import { Subscription, type SchedulerLike } from 'rxjs';
import { isRealTime } from './real-time.ts';

/** Maximum delay of Node's timers, in milliseconds. A longer one fires at once. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/** After a blocked event loop: maximum wait of one turn (ms), maximum number of turns, and delay that counts as on time (ms). */
const MAX_GRACE = 100;
const MAX_TURNS = 8;
const ON_TIME = 2;

/** Options of {@link after}. */
export interface AfterOptions {
  /** Whether the process may exit before the timer fires. Has no effect in virtual time. @default false */
  readonly unref?: boolean;
}

/**
 * Calls `work` once, `ms` milliseconds from now on `scheduler`. Never calls it if `ms` is Infinity.
 *
 * Node runs timers before it polls sockets. After a blocked event loop, the kernel may hold an answer that arrived in time, and
 * that answer must win. Therefore `work` is delayed by one more turn of the loop, and by further turns until a timer is on time.
 */
export function after(ms: number, scheduler: SchedulerLike, work: () => void, { unref = false }: AfterOptions = {}): Subscription {
  if (ms === Infinity) return new Subscription();
  const timer = new Timer(work, isRealTime(scheduler) ? undefined : scheduler, unref);
  timer.wait(Math.max(0, ms));
  return timer;
}

/** One call of {@link after}. Its state is in fields: with closures, a waiting timer takes more than twice the memory. */
class Timer extends Subscription {
  readonly #work: () => void;
  /** The scheduler of virtual time. Real time uses Node's own timers: an action of `asyncScheduler` costs three times as much. */
  readonly #virtual: SchedulerLike | undefined;
  readonly #unref: boolean;
  #timer: ReturnType<typeof setTimeout> | Subscription | undefined;
  /** Milliseconds of the delay that follow the current step. */
  #remaining = 0;
  #due = 0;
  /** Number of further turns that `work` may wait. -1 before the delay has passed. */
  #turns = -1;

  constructor(work: () => void, virtual: SchedulerLike | undefined, unref: boolean) {
    super();
    this.#work = work;
    this.#virtual = virtual;
    this.#unref = unref;
  }

  wait(ms: number): void {
    const step = Math.min(ms, MAX_TIMER_DELAY);
    this.#remaining = ms - step;
    this.#schedule(step);
  }

  override unsubscribe(): void {
    if (this.#virtual) (this.#timer as Subscription | undefined)?.unsubscribe();
    else clearTimeout(this.#timer as ReturnType<typeof setTimeout>);
    super.unsubscribe();
  }

  #now(): number {
    return (this.#virtual ?? performance).now();
  }

  #schedule(ms: number): void {
    this.#due = this.#now() + ms;
    this.#timer = this.#virtual?.schedule(() => Timer.#onElapsed(this), ms) ?? setTimeout(Timer.#onElapsed, ms, this);
    if (this.#unref) (this.#timer as { unref?: () => void }).unref?.();
  }

  static #onElapsed(this: void, timer: Timer): void {
    const late = timer.#now() - timer.#due;
    if (timer.#remaining > 0) {
      timer.wait(timer.#remaining);
      return;
    }
    const isFirst = timer.#turns < 0;
    if (!isFirst && (late <= ON_TIME || timer.#turns === 0)) {
      const work = timer.#work;
      work();
      return;
    }
    timer.#turns = isFirst ? MAX_TURNS : timer.#turns - 1;
    timer.#schedule(Math.min(Math.max(0, late), MAX_GRACE));
  }
}
