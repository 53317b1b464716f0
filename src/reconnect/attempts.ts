import { Subscription, type Observer } from 'rxjs';
import { abortError } from '../stream/abort.ts';
import { connect } from '../stream/connect.ts';
import type { IOStream, IOStreamOptions } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import type { ClosedReport } from '../stream/report.ts';
import { after } from '../util/timer.ts';
import type { BackoffPlan } from './backoff-plan.ts';
import type { PersistentTarget } from './persistent-types.ts';

/** Dials the target again and again, with the delays of a backoff. Does one thing at a time: an attempt, or the delay before it. */
export class Attempts {
  /** Number of the current attempt, from 1. Never reset. */
  number = 0;
  readonly #target: PersistentTarget;
  readonly #plan: BackoffPlan;
  /** The current attempt with its connection, or the current delay. */
  #current = new Subscription();
  /** Number of attempts that failed in a row. */
  #failures = 0;
  #connectedAt: number | undefined;
  /** The `signal` of the options of the current attempt. */
  #signal: AbortSignal | undefined;

  constructor(target: PersistentTarget, plan: BackoffPlan) {
    this.#target = target;
    this.#plan = plan;
  }

  /** Whether the current attempt has connected. */
  get hasConnected(): boolean {
    return this.#connectedAt !== undefined;
  }

  /** Counts the next attempt, which starts with `dial`. */
  next(): void {
    this.number += 1;
    this.#connectedAt = undefined;
  }

  /** Dials. The connection closes when the observer errors or completes, or on `cancel`. */
  dial(observer: Observer<IOStream>): void {
    const options = (): IOStreamOptions => {
      const options = typeof this.#target === 'function' ? this.#target(this.number) : this.#target;
      this.#signal = options.signal;
      return options;
    };
    this.#current = new Subscription();
    this.#current.add(connect(options).subscribe(observer));
  }

  connected(): void {
    this.#connectedAt = this.#plan.scheduler.now();
  }

  /** Counts the end of the current attempt as a failure. A connection that lasted for `resetAfter` resets the count. */
  ended(): void {
    const { scheduler, resetAfter } = this.#plan;
    const hasLasted = this.#connectedAt !== undefined && scheduler.now() - this.#connectedAt >= resetAfter;
    this.#failures = hasLasted ? 1 : this.#failures + 1;
  }

  /** Returns the delay before the next attempt, or undefined if there is none. Throws what `retryIf` throws. */
  delayAfter(end: ReadEnd, closed: ClosedReport | undefined): number | undefined {
    if (this.#signal?.aborted) return undefined;
    const report = { attempt: this.number, failures: this.#failures, closed };
    const shouldRetry = !('error' in end) || this.#plan.shouldRetry(end.error, report);
    return shouldRetry ? this.#plan.delay(this.#failures) : undefined;
  }

  /** Calls `dial` after the delay, or `onAbort` if the `signal` of the last attempt aborts before. */
  wait(delay: number, dial: () => void, onAbort: (error: unknown) => void): void {
    const waiting = after(delay, this.#plan.scheduler, () => {
      waiting.unsubscribe();
      dial();
    });
    this.#current = waiting;
    const signal = this.#signal;
    if (!signal) return;
    const listener = (): void => onAbort(abortError(signal));
    signal.addEventListener('abort', listener);
    waiting.add(() => signal.removeEventListener('abort', listener));
  }

  /** Cancels the current attempt, and closes its connection; or cancels the delay. */
  cancel(): void {
    this.#current.unsubscribe();
  }
}
