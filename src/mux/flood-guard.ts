import type { SchedulerLike } from 'rxjs';

/** Frames without use that the peer may send at once, and per second. */
const BURST = 16_384;
const PER_SECOND = 4096;

/**
 * Limits the frames of the peer that transfer nothing: pings, resets, refused and unknown streams, empty data frames, and window
 * updates that no data of ours has caused.
 */
export class FloodGuard {
  readonly #scheduler: SchedulerLike;
  #tokens = BURST;
  #since: number;

  constructor(scheduler: SchedulerLike) {
    this.#scheduler = scheduler;
    this.#since = scheduler.now();
  }

  /** Counts a frame of ours, which may cause as many of the peer. */
  earn(frames: number): void {
    this.#tokens = Math.min(BURST, this.#tokens + frames);
  }

  /** Counts a frame of the peer. Returns false if there were too many. */
  spend(): boolean {
    if (this.#tokens < 1) this.#refill();
    this.#tokens -= 1;
    return this.#tokens >= 0;
  }

  #refill(): void {
    const now = this.#scheduler.now();
    this.earn(((now - this.#since) / 1000) * PER_SECOND);
    this.#since = now;
  }
}
