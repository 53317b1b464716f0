import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { inWords } from '../stream/bytes.ts';
import type { ClosedReport } from '../stream/report.ts';
import { steadyScheduler } from '../wire/real-time.ts';

/** A failed attempt; see `retryIf`. */
export interface RetryReport {
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** How many attempts in a row have failed, this one included. */
  readonly failures: number;
  /** How the connection closed. Only from `persistent`, and only if the attempt was connected. */
  readonly closed?: ClosedReport | undefined;
}

/** How long to wait before the next attempt, and when to stop. */
export interface BackoffOptions {
  /** Milliseconds before the second attempt, more than 0. @default 100 */
  readonly initial?: number | undefined;
  /** The longest wait, in milliseconds. @default 30000 */
  readonly max?: number | undefined;
  /** Factor from one wait to the next, 1 or more. @default 2 */
  readonly factor?: number | undefined;
  /** Random fraction (0–1) taken off each wait, so that clients do not reconnect in lockstep. @default 0.5 */
  readonly jitter?: number | undefined;
  /** How many attempts in a row may fail, the first one included; then the last error is passed on. @default Infinity */
  readonly attempts?: number | undefined;
  /**
   * A connection that lasted for this many milliseconds resets the count of failures.
   * @default Infinity for `backoff`, 10000 for `persistent`
   */
  readonly resetAfter?: number | undefined;
  /**
   * Returns whether to try again after this error; `false` passes the error on. Not called for a TypeError or an AbortError:
   * these are always passed on. What it throws is passed on instead of the error. @default always
   */
  readonly retryIf?: ((error: unknown, report: RetryReport) => boolean) | undefined;
  /** Scheduler of the waits. @default asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns numbers from 0 to less than 1 for the jitter. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** Checked options. */
export interface BackoffPlan {
  readonly scheduler: SchedulerLike;
  readonly resetAfter: number;
  /** The wait after this many failures in a row, in milliseconds; undefined: no more attempts. */
  readonly delay: (failures: number) => number | undefined;
  /** Whether another attempt may mend this error. */
  readonly mayRetry: (error: unknown, report: RetryReport) => boolean;
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0;
const isSpan = (value: unknown): value is number => isTime(value) && value < Infinity;

/** Wrong arguments and an abort: the next attempt would end the same way. */
function isFinal(error: unknown): boolean {
  return error instanceof TypeError || (error as { name?: unknown } | null | undefined)?.name === 'AbortError';
}

/** The names of all options. */
export const BACKOFF_NAMES = ['initial', 'max', 'factor', 'jitter', 'attempts', 'retryIf', 'resetAfter', 'scheduler', 'random'] as const;

/** Checks options that were copied; throws a TypeError that names the wrong one. */
export function planBackoff(options: BackoffOptions, usual: { readonly resetAfter: number }): BackoffPlan {
  const { initial = 100, factor = 2, jitter = 0.5, attempts = Infinity, retryIf = () => true } = options;
  const { max = Math.max(initial, 30_000), resetAfter = usual.resetAfter, scheduler = asyncScheduler, random = Math.random } = options;
  const expect = (name: keyof BackoffOptions, holds: boolean, words: string, got: unknown): void => {
    if (!holds) throw new TypeError(`expected \`${name}\` to be ${words}, got ${inWords(got)}`);
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
