import type { SchedulerLike, Subscription } from 'rxjs';
import { after } from './timer.ts';

/** The target of a {@link Watchdog}. */
export interface WatchdogTarget {
  /** Timeout in milliseconds; Infinity is off. Read at each use. */
  readonly limit: number;
  /** Whether activity is expected now; otherwise the timeout does not fire. */
  readonly isWaiting: boolean;
  /** Called when the timeout fires. */
  onTimeout(): void;
}

/**
 * Fires once after `limit` ms without activity; re-armed by `touch()`.
 *
 * `touch()` only reads the clock. When the timer elapses too early, it is restarted with the remaining time.
 */
export class Watchdog {
  readonly #scheduler: SchedulerLike;
  readonly #target: WatchdogTarget;
  #timer: Subscription | undefined;
  #last = 0;
  #fired = false;

  constructor(scheduler: SchedulerLike, target: WatchdogTarget) {
    this.#scheduler = scheduler;
    this.#target = target;
  }

  /** Records activity, or starts the timeout. */
  touch(): void {
    const limit = this.#target.limit;
    if (limit === Infinity) return;
    this.#last = this.#scheduler.now();
    this.#fired = false;
    if (!this.#timer) this.#wait(limit);
  }

  /** Restarts the timeout after `limit` has changed. */
  restart(): void {
    this.stop();
    if (this.#target.isWaiting) this.touch();
  }

  stop(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    // Unreferenced: the watched handle keeps the process alive, if anything should.
    const onTime = (): void => {
      this.#timer = undefined;
      this.#check();
    };
    this.#timer = after(ms, this.#scheduler, onTime, { unref: true });
  }

  #check(): void {
    const { isWaiting, limit } = this.#target;
    if (!isWaiting || this.#fired) return;
    const remaining = this.#last + limit - this.#scheduler.now();
    if (remaining > 0) {
      this.#wait(remaining);
      return;
    }
    this.#fired = true;
    this.#target.onTimeout();
  }
}
