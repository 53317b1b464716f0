import type { SchedulerLike, Subscription } from 'rxjs';

/** Somebody who stands in line for a budget. */
export interface Waiter {
  /** How many bytes he would let pass. */
  readonly wanted: number;
  /** Lets so many of them pass at the most; returns how many did. */
  grant(most: number): number;
}

/** A slice is what passes in so many milliseconds, but no more bytes than this: nobody waits long for another's turn. */
const SLICE = { ms: 10, bytes: 4096 };
/** What passes at once after a pause, in milliseconds of the rate, when nothing else is said. */
const BURST_MS = 100;
/** The longest delay of Node's timers. */
const LONGEST = 2 ** 31 - 1;

/**
 * Bytes that may pass: they come in at `rate` a second and pile up to `burst`. Who wants some stands in line; the first gets a
 * slice, and goes to the end of the line with the rest of what he wants. Alone, he need not cut what he has into slices.
 */
export class Budget {
  readonly #scheduler: SchedulerLike;
  readonly #burst: number | undefined;
  readonly #line = new Set<Waiter>();
  #rate: number | undefined;
  #tokens = 0;
  /** When they were counted. */
  #at = 0;
  #serving = false;
  #timer: Subscription | undefined;

  constructor(scheduler: SchedulerLike, burst: number | undefined) {
    this.#scheduler = scheduler;
    this.#burst = burst;
  }

  /** Bytes per second; 0 before it is known. */
  get rate(): number {
    return this.#rate ?? 0;
  }

  /** Bytes per second from now on; what has piled up at the old one stays, up to the new limit. */
  set rate(rate: number) {
    this.#refill();
    const isFirst = this.#rate === undefined;
    this.#rate = rate;
    this.#tokens = isFirst || rate === Infinity ? this.#limit : Math.min(this.#tokens, this.#limit);
    this.#serve();
  }

  /** Stands in line, if not yet; may be served at once. */
  enter(waiter: Waiter): void {
    if (this.#line.has(waiter)) return;
    this.#line.add(waiter);
    this.#serve();
  }

  leave(waiter: Waiter): void {
    if (!this.#line.delete(waiter) || this.#line.size > 0) return;
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
    // The clock of a machine may be set back.
    const elapsed = Math.max(0, now - this.#at);
    this.#at = now;
    if (this.rate !== Infinity) this.#tokens = Math.min(this.#limit, this.#tokens + (this.rate * elapsed) / 1000);
  }

  /** What a waiter does may bring more into the line: they are served by the same loop. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    this.#refill();
    for (const waiter of this.#line) {
      if (this.rate === 0 || this.#missing(waiter) > 0) break;
      this.#line.delete(waiter);
      const most = Math.min(waiter.wanted, Math.floor(this.#tokens), this.#line.size > 0 ? this.#slice : Infinity);
      // Taken before, and the rest given back: from inside, the rate may change.
      this.#tokens -= most;
      const passed = waiter.grant(most);
      this.#tokens += most - passed;
      if (waiter.wanted > 0) this.#line.add(waiter);
    }
    this.#serving = false;
    this.#sleep();
  }

  /** How many bytes must still come in before he gets something: a slice, or each byte had a timer of its own. */
  #missing(waiter: Waiter): number {
    return Math.min(waiter.wanted, this.#slice) - this.#tokens;
  }

  #sleep(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
    const [first] = this.#line;
    if (!first || this.rate === 0) return;
    const wait = Math.ceil((this.#missing(first) / this.rate) * 1000);
    this.#timer = this.#scheduler.schedule(() => this.#serve(), Math.min(LONGEST, Math.max(1, wait)));
  }
}
