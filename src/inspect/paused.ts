/** Measures how long a direction was paused. */
export class Paused {
  /** When the current pause started, on the clock of the caller. */
  #since: number | undefined;
  /** Milliseconds of the pauses that have ended since the last call of `share`. */
  #total = 0;

  get isPaused(): boolean {
    return this.#since !== undefined;
  }

  start(now: number): void {
    this.#since ??= now;
  }

  end(now: number): void {
    if (this.#since !== undefined) this.#total += now - this.#since;
    this.#since = undefined;
  }

  /** Returns the paused share of the last `elapsed` ms, from 0 to 1, and starts the next interval. */
  share(now: number, elapsed: number): number {
    const wasPaused = this.isPaused;
    this.end(now);
    const share = this.#total / Math.max(1, elapsed);
    this.#total = 0;
    if (wasPaused) this.start(now);
    return Math.round(Math.min(1, Math.max(0, share)) * 100) / 100;
  }
}
