import type { SchedulerLike, Subscription } from 'rxjs';
import { after } from '../wire/timer.ts';

/** What a {@link Watchdog} watches. */
export interface Watched {
  /** Milliseconds without a sign of life; Infinity is off. Asked each time. */
  readonly limit: number;
  /** Whether there is anything to watch now; while there is not, no time passes. */
  readonly awaits: boolean;
  alarm(): void;
}

/**
 * Barks once when something that should move has not for its limit, and again only after it moved. A sign of life costs a look
 * at the clock, not a new timer: the timer finds out when it fires.
 */
export class Watchdog {
  readonly #scheduler: SchedulerLike;
  readonly #watched: Watched;
  #timer: Subscription | undefined;
  #last = 0;
  #barked = false;

  constructor(scheduler: SchedulerLike, watched: Watched) {
    this.#scheduler = scheduler;
    this.#watched = watched;
  }

  /** It moved, or began to be awaited. */
  touch(): void {
    const limit = this.#watched.limit;
    if (limit === Infinity) return;
    this.#last = this.#scheduler.now();
    this.#barked = false;
    if (!this.#timer) this.#wait(limit);
  }

  /** The limit changed. */
  restart(): void {
    this.stop();
    if (this.#watched.awaits) this.touch();
  }

  stop(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    // What is waited for keeps the process alive, if anything shall.
    const onTime = (): void => {
      this.#timer = undefined;
      this.#look();
    };
    this.#timer = after(ms, this.#scheduler, onTime, { unref: true });
  }

  #look(): void {
    const { awaits, limit } = this.#watched;
    if (!awaits || this.#barked) return;
    const left = this.#last + limit - this.#scheduler.now();
    if (left > 0) {
      this.#wait(left);
      return;
    }
    this.#barked = true;
    this.#watched.alarm();
  }
}
