import type { SchedulerLike } from 'rxjs';
import type { IOStreamOptions } from '../stream/io-stream.ts';
import type { ClosedReport } from '../stream/report.ts';

/** Describes a failed attempt; see `retryIf`. */
export interface RetryReport {
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** How many attempts in a row have failed, this one included. */
  readonly failures: number;
  /** How the connection closed. Set by `persistent` only, and only if the attempt had connected. */
  readonly closed?: ClosedReport | undefined;
  /** The options that were dialled. Set by `persistent` only; undefined if the function that makes them has thrown. */
  readonly target?: IOStreamOptions | undefined;
}

/** Sets the delays between attempts, and when to stop. */
export interface BackoffOptions {
  /** The delay before the second attempt in milliseconds, more than 0. @default 100 */
  readonly initial?: number | undefined;
  /** The longest delay in milliseconds, not less than `initial`. @default 30000, or `initial` if that is more */
  readonly max?: number | undefined;
  /** Factor from one delay to the next, 1 or more. @default 2 */
  readonly factor?: number | undefined;
  /** Each delay is shortened by a random fraction from 0 to this number (0–1), so that clients do not reconnect in lockstep. @default 0.5 */
  readonly jitter?: number | undefined;
  /** How many attempts in a row may fail, the first one included. The last error is then passed on. @default Infinity */
  readonly attempts?: number | undefined;
  /**
   * A connection that lasted for this many milliseconds resets the failure count.
   * @default Infinity for `backoff`, 10000 for `persistent`
   */
  readonly resetAfter?: number | undefined;
  /**
   * Returns whether to retry after this error; `false` passes the error on. Not called for a TypeError or an AbortError:
   * they are always passed on. If it throws, the thrown value is passed on instead of the error. @default always retries
   */
  readonly retryIf?: ((error: unknown, report: RetryReport) => boolean) | undefined;
  /** The scheduler of the delays. @default asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns a random number for the jitter, from 0 to less than 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** The names of all {@link BackoffOptions}. */
export const BACKOFF_NAMES = ['initial', 'max', 'factor', 'jitter', 'attempts', 'retryIf', 'resetAfter', 'scheduler', 'random'] as const;
