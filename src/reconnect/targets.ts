import type { IOStreamOptions } from '../stream/io-stream.ts';
import type { BackoffPlan } from './backoff-plan.ts';

/** A target with the memory of its failures. Times are those of the scheduler, in milliseconds. */
interface KnownTarget {
  readonly make: (attempt: number) => IOStreamOptions;
  /** Number of failures in a row. */
  failures: number;
  /** When it may be tried again. */
  dueAt: number;
  /** When it is tried before the targets behind it again. */
  preferredAt: number;
}

/** The checked options of the targets' delays. */
export type TargetsPlan = Pick<BackoffPlan, 'delay' | 'scheduler'> & { readonly preferAfter: number };

/**
 * Chooses the target of each attempt. Each target has delays of its own.
 *
 * ```text
 *   A ✗  B ✗  C ✗ ── 100 ms ── A ✗  B ✗  C ✗ ── 200 ms ── A ✗  B ✓ ───── B is lost ── C ✓
 * ```
 */
export class Targets {
  readonly #plan: TargetsPlan;
  readonly #all: readonly KnownTarget[];
  #current: KnownTarget | undefined;

  /** @param makers return the options of each target for an attempt, in the order of preference. */
  constructor(makers: readonly KnownTarget['make'][], plan: TargetsPlan) {
    this.#plan = plan;
    this.#all = makers.map((make) => ({ make, failures: 0, dueAt: -Infinity, preferredAt: -Infinity }));
  }

  /** Returns the options for this attempt. Throws what the function that makes them throws. */
  next(attempt: number): IOStreamOptions {
    const now = this.#plan.scheduler.now();
    const next =
      this.#all.find(({ preferredAt }) => preferredAt <= now) ??
      this.#all.find(({ dueAt }) => dueAt <= now) ??
      this.#all.reduce((first, each) => (each.dueAt < first.dueAt ? each : first));
    this.#current = next;
    return next.make(attempt);
  }

  /**
   * Notes that the current target has failed. `hasLasted`: after a connection that resets the count of its failures.
   *
   * @returns the milliseconds until one of the targets may be tried.
   */
  failed({ hasLasted }: { readonly hasLasted: boolean }): number {
    const { delay, preferAfter, scheduler } = this.#plan;
    const now = scheduler.now();
    const target = this.#current;
    if (target) {
      target.failures = hasLasted ? 1 : target.failures + 1;
      target.dueAt = now + delay(target.failures);
      target.preferredAt = Math.max(target.dueAt, now + preferAfter);
    }
    return this.delay(now);
  }

  /** Notes that the current target has served. */
  served(): void {
    if (this.#current) forget(this.#current);
  }

  /** Returns the whole milliseconds from `now` until one of the targets may be tried. */
  delay(now: number = this.#plan.scheduler.now()): number {
    const dueAt = Math.min(...this.#all.map((each) => each.dueAt));
    return Math.max(0, Math.round(dueAt - now));
  }

  /** Forgets all failures: each target may be tried at once. */
  forgetAll(): void {
    this.#all.forEach(forget);
  }
}

function forget(target: KnownTarget): void {
  target.failures = 0;
  target.dueAt = target.preferredAt = -Infinity;
}
