/** How many keys are remembered at most. Over it, the oldest is forgotten, and may be counted from zero. */
const MAX_KEYS = 10_000;

/** What was counted for one key, and since when. */
interface Window {
  readonly start: number;
  count: number;
}

/**
 * Counts events a second, for each key. A window starts with the first event after the end of the previous one. It lasts one second,
 * or the time of one event if that is longer.
 */
export class AcceptRate {
  /** The oldest first. */
  readonly #windows = new Map<string, Window>();

  /** The number of keys with a window. */
  get size(): number {
    return this.#windows.size;
  }

  /** Whether one more event is within `perSecond` at the time `now`, in milliseconds. */
  isWithin(perSecond: number, key: string, now: number): boolean {
    this.#forget(spanOf(perSecond), now);
    return (this.#windows.get(key)?.count ?? 0) < Math.max(1, Math.floor(perSecond));
  }

  /** Counts one event. */
  count(key: string, now: number): void {
    const window = this.#windows.get(key);
    if (window) window.count += 1;
    else this.#windows.set(key, { start: now, count: 1 });
  }

  /** Removes windows that have ended, and the oldest ones over the maximum. */
  #forget(span: number, now: number): void {
    for (const [key, { start }] of this.#windows) {
      if (now - start < span && this.#windows.size <= MAX_KEYS) return;
      this.#windows.delete(key);
    }
  }
}

/** Milliseconds of a window. */
function spanOf(perSecond: number): number {
  return 1000 * Math.max(1, 1 / perSecond);
}
