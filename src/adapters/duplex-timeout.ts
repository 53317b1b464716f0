import type { SchedulerLike } from 'rxjs';
import { Watchdog, type WatchdogTarget } from '../util/watchdog.ts';

/** The timeout of `setTimeout`: calls back after `ms` milliseconds without a `touch()`, and again only after the next one. */
export class DuplexTimeout implements WatchdogTarget {
  /** 0: off. */
  ms = 0;
  isWaiting = true;
  readonly onTimeout: () => void;
  readonly #watchdog: Watchdog;

  constructor(scheduler: SchedulerLike, onTimeout: () => void) {
    this.#watchdog = new Watchdog(scheduler, this);
    this.onTimeout = onTimeout;
  }

  get limit(): number {
    return this.ms === 0 ? Infinity : this.ms;
  }

  /** Changes the timeout, and restarts it. */
  set(ms: number): void {
    this.ms = ms;
    this.#watchdog.restart();
  }

  /** Records activity. */
  touch(): void {
    this.#watchdog.touch();
  }

  /** Stops for good. */
  stop(): void {
    this.isWaiting = false;
    this.#watchdog.stop();
  }
}
