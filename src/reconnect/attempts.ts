import { Subscription, type Observer } from 'rxjs';
import { abortError } from '../stream/abort.ts';
import { connect } from '../stream/connect.ts';
import type { IOStream, IOStreamOptions } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import type { ClosedReport } from '../stream/report.ts';
import { after } from '../util/timer.ts';
import type { BackoffPlan } from './backoff-plan.ts';
import type { Targets } from './targets.ts';

/** Dials the targets again and again. Does one thing at a time: an attempt, or the delay before it. */
export class Attempts {
  /** Number of the current attempt, from 1. Never reset. */
  number = 0;
  /** The options of the current attempt; undefined before the first one, or if they could not be made. */
  target: IOStreamOptions | undefined;
  /** The milliseconds from the last failure to the next attempt. */
  delay = 0;
  readonly #targets: Targets;
  readonly #plan: BackoffPlan;
  /** Returns the options of the current attempt, or throws what their maker has thrown. */
  #options: (() => IOStreamOptions) | undefined;
  /** The current attempt with its connection, or the current delay. */
  #current = new Subscription();
  /** Number of attempts that failed in a row. */
  #failures = 0;
  #connectedAt: number | undefined;
  /** The `signal` of the current attempt; before the first one, that of the first target. */
  #signal: AbortSignal | undefined;

  constructor(targets: Targets, plan: BackoffPlan, signal: AbortSignal | undefined) {
    this.#targets = targets;
    this.#plan = plan;
    this.#signal = signal;
  }

  /** Whether the current attempt has connected. */
  get hasConnected(): boolean {
    return this.#connectedAt !== undefined;
  }

  /** The milliseconds that remain before the next attempt may start. */
  get remainingDelay(): number {
    return this.#targets.delay();
  }

  /** Counts the next attempt, and chooses its target. `dial` starts it. */
  next(): void {
    this.number += 1;
    this.#connectedAt = undefined;
    this.target = undefined;
    try {
      const target = (this.target = this.#targets.next(this.number));
      this.#signal = target.signal;
      this.#options = () => target;
    } catch (error) {
      this.#options = () => {
        throw error;
      };
    }
  }

  /** Dials. The connection closes when the observer errors or completes, or on `cancel`. */
  dial(observer: Observer<IOStream>): void {
    this.#current = new Subscription();
    if (this.#options) this.#current.add(connect(this.#options).subscribe(observer));
  }

  connected(): void {
    this.#connectedAt = this.#plan.scheduler.now();
  }

  /** Counts the end of the current attempt as a failure. A connection that lasted for `resetAfter` resets the count. */
  failed(): void {
    const { scheduler, resetAfter } = this.#plan;
    const hasLasted = this.#connectedAt !== undefined && scheduler.now() - this.#connectedAt >= resetAfter;
    this.#failures = hasLasted ? 1 : this.#failures + 1;
    this.delay = this.#targets.failed({ hasLasted });
  }

  /** Counts the end of the current attempt as a success: its connection was closed because it was idle. */
  served(): void {
    this.#failures = 0;
    this.#targets.served();
  }

  /** Whether a further attempt may follow after this end. Throws what `retryIf` throws. */
  mayRetry(end: ReadEnd, closed: ClosedReport | undefined): boolean {
    if (this.#signal?.aborted) return false;
    const report = { attempt: this.number, failures: this.#failures, closed, target: this.target };
    const shouldRetry = !('error' in end) || this.#plan.shouldRetry(end.error, report);
    return shouldRetry && this.#failures < this.#plan.attempts;
  }

  /** Ends the delays of all targets, which start with `initial` again. The number of failures in a row remains. */
  forget(): void {
    this.#targets.forgetAll();
    this.delay = 0;
  }

  /** Calls `dial` after the delay, Infinity for never; or `onAbort` if the `signal` aborts before. */
  wait(delay: number, dial: () => void, onAbort: (error: unknown) => void): void {
    const waiting = after(delay, this.#plan.scheduler, () => {
      waiting.unsubscribe();
      dial();
    });
    this.#current = waiting;
    const signal = this.#signal;
    if (!signal) return;
    const listener = (): void => onAbort(abortError(signal));
    if (signal.aborted) {
      listener();
      return;
    }
    signal.addEventListener('abort', listener);
    waiting.add(() => signal.removeEventListener('abort', listener));
  }

  /** Cancels the current attempt, and closes its connection; or cancels the delay. */
  cancel(): void {
    this.#current.unsubscribe();
  }
}
