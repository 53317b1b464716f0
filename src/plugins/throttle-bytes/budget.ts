import type { SchedulerLike, Subscription } from 'rxjs';

/** A direction of a connection that requests bytes from a budget. */
export interface Waiter {
  /** How many bytes are requested. */
  readonly wanted: number;
  /** Passes up to `most` bytes. Returns how many have passed. */
  grant(most: number): number;
}

/** The size of a slice: the bytes of this many milliseconds, but at most this many bytes. Keeps the turns of others short. */
const SLICE = { ms: 10, bytes: 4096 };
/** The default burst: the bytes of this many milliseconds at the current rate. */
const BURST_MS = 100;
/** The maximum delay of Node's timers. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/**
 * A token bucket: gains tokens at `rate` per second, up to `burst`. Waiters are queued. The first gets a slice, and is queued again
 * for the rest. A single waiter is not limited to slices.
 */
export class Budget {
  readonly #scheduler: SchedulerLike;
  readonly #burst: number | undefined;
  readonly #queue = new Set<Waiter>();
  #rate: number | undefined;
  #tokens = 0;
  /** The time of the last refill. */
  #refilledAt = 0;
  #isServing = false;
  #timer: Subscription | undefined;

  constructor(scheduler: SchedulerLike, burst: number | undefined) {
    this.#scheduler = scheduler;
    this.#burst = burst;
  }

  /** Bytes per second; 0 before the first rate is known. */
  get rate(): number {
    return this.#rate ?? 0;
  }

  /** Changes the rate. Tokens gained at the old rate are kept, up to the new limit. */
  set rate(rate: number) {
    this.#refill();
    const isFirst = this.#rate === undefined;
    this.#rate = rate;
    this.#tokens = isFirst || rate === Infinity ? this.#limit : Math.min(this.#tokens, this.#limit);
    this.#serve();
  }

  /** Adds a waiter to the queue, unless it is queued already. May call `grant` synchronously. */
  enter(waiter: Waiter): void {
    if (this.#queue.has(waiter)) return;
    this.#queue.add(waiter);
    this.#serve();
  }

  leave(waiter: Waiter): void {
    if (!this.#queue.delete(waiter) || this.#queue.size > 0) return;
    this.#timer?.unsubscribe();
    this.#timer = undefined;
  }

  get #limit(): number {
    const { rate } = this;
    return rate === Infinity ? Infinity : (this.#burst ?? Math.max(1, (rate * BURST_MS) / 1000));
  }

  get #slice(): number {
    return Math.floor(Math.min(SLICE.bytes, this.#limit, Math.max(1, (this.rate * SLICE.ms) / 1000)));
  }

  #refill(): void {
    const now = this.#scheduler.now();
    // The system clock may be set back.
    const elapsed = Math.max(0, now - this.#refilledAt);
    this.#refilledAt = now;
    if (this.rate !== Infinity) this.#tokens = Math.min(this.#limit, this.#tokens + (this.rate * elapsed) / 1000);
  }

  /** Serves the queue. A `grant` may add waiters: the same loop serves them. */
  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    this.#refill();
    for (const waiter of this.#queue) {
      if (this.rate === 0 || this.#missing(waiter) > 0) break;
      this.#queue.delete(waiter);
      const most = Math.min(waiter.wanted, Math.floor(this.#tokens), this.#queue.size > 0 ? this.#slice : Infinity);
      // Deducted before the call, and the unused part returned after it: the rate may change inside `grant`.
      this.#tokens -= most;
      const passed = waiter.grant(most);
      this.#tokens += most - passed;
      if (waiter.wanted > 0) this.#queue.add(waiter);
    }
    this.#isServing = false;
    this.#sleep();
  }

  /**
   * Returns how many tokens are missing before this waiter is served. Waits for a whole slice; otherwise each byte would need its own
   * timer.
   */
  #missing(waiter: Waiter): number {
    return Math.min(waiter.wanted, this.#slice) - this.#tokens;
  }

  #sleep(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
    const [first] = this.#queue;
    if (!first || this.rate === 0) return;
    const wait = Math.ceil((this.#missing(first) / this.rate) * 1000);
    this.#timer = this.#scheduler.schedule(() => this.#serve(), Math.min(MAX_TIMER_DELAY, Math.max(1, wait)));
  }
}
