import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { describeValue } from '../util/describe.ts';
import type { ClosedReport } from '../stream/report.ts';
import { steadyScheduler } from '../util/real-time.ts';

/** Describes a failed attempt; see `retryIf`. */
export interface RetryReport {
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** How many attempts in a row have failed, this one included. */
  readonly failures: number;
  /** How the connection closed. Set by `persistent` only, and only if the attempt had connected. */
  readonly closed?: ClosedReport | undefined;
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

/** Checked options. */
export interface BackoffPlan {
  readonly scheduler: SchedulerLike;
  readonly resetAfter: number;
  /** Returns the delay in milliseconds after this many failures in a row, or undefined if no attempt remains. */
  readonly delay: (failures: number) => number | undefined;
  /** Returns whether to retry after this error. */
  readonly mayRetry: (error: unknown, report: RetryReport) => boolean;
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0;
const isSpan = (value: unknown): value is number => isTime(value) && value < Infinity;

/** Wrong arguments and aborts: the next attempt would fail the same way. */
function isFinal(error: unknown): boolean {
  return error instanceof TypeError || (error as { name?: unknown } | null | undefined)?.name === 'AbortError';
}

export const BACKOFF_NAMES = ['initial', 'max', 'factor', 'jitter', 'attempts', 'retryIf', 'resetAfter', 'scheduler', 'random'] as const;

/** Checks copied options. Throws a TypeError that names the wrong one. */
export function planBackoff(options: BackoffOptions, usual: { readonly resetAfter: number }): BackoffPlan {
  const { initial = 100, factor = 2, jitter = 0.5, attempts = Infinity, retryIf = () => true } = options;
  const { max = Math.max(initial, 30_000), resetAfter = usual.resetAfter, scheduler = asyncScheduler, random = Math.random } = options;
  const expect = (name: keyof BackoffOptions, holds: boolean, words: string, got: unknown): void => {
    if (!holds) throw new TypeError(`expected \`${name}\` to be ${words}, got ${describeValue(got)}`);
  };
  expect('initial', isSpan(initial) && initial > 0, 'milliseconds, more than 0', initial);
  expect('max', isSpan(max) && max >= initial, 'milliseconds, not less than `initial`', max);
  expect('factor', isSpan(factor) && factor >= 1, 'a number, 1 or more', factor);
  expect('jitter', isTime(jitter) && jitter <= 1, 'a number from 0 to 1', jitter);
  expect(
    'attempts',
    attempts === Infinity || (Number.isSafeInteger(attempts) && attempts > 0),
    'a number of attempts, 1 or more',
    attempts,
  );
  expect('resetAfter', isTime(resetAfter), 'milliseconds, 0 or more; Infinity for never', resetAfter);
  expect('retryIf', typeof (retryIf as unknown) === 'function', 'a function', retryIf);
  expect('scheduler', typeof (scheduler as unknown) === 'object' && 'schedule' in scheduler, 'an RxJS scheduler', scheduler);
  expect('random', typeof (random as unknown) === 'function', 'a function', random);
  return {
    scheduler: steadyScheduler(scheduler),
    resetAfter,
    delay: (failures) =>
      failures < attempts ? Math.min(max, initial * factor ** (failures - 1)) * (1 - (jitter === 0 ? 0 : jitter * random())) : undefined,
    mayRetry: (error, report) => !isFinal(error) && retryIf(error, report),
  };
}
