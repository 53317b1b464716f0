import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { describeValue } from '../util/describe.ts';
import { steadyScheduler } from '../util/real-time.ts';
import type { BackoffOptions, RetryReport } from './backoff-options.ts';

/** The checked options of a backoff. */
export interface BackoffPlan {
  readonly scheduler: SchedulerLike;
  readonly resetAfter: number;
  /** How many attempts in a row may fail. */
  readonly attempts: number;
  /** Returns the delay after this many failures in a row, in whole milliseconds. */
  readonly delay: (failures: number) => number;
  /** Returns whether to retry after this error. Throws what `retryIf` throws. */
  readonly shouldRetry: (error: unknown, report: RetryReport) => boolean;
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0;
const isSpan = (value: unknown): value is number => isTime(value) && value < Infinity;

/** Wrong arguments and aborts: the next attempt would fail the same way. */
function isFinal(error: unknown): boolean {
  return error instanceof TypeError || isWrongWire(error) || (error as { name?: unknown } | null | undefined)?.name === 'AbortError';
}

/** Whether a wire has found a wrong argument when it was dialled: a stream reports its TypeError as the cause of EPROTOCOL. */
function isWrongWire(error: unknown): boolean {
  return error instanceof IOStreamError && error.code === EPROTOCOL && error.phase === 'connect' && error.cause instanceof TypeError;
}

/** Checks copied options. Throws a TypeError that names the wrong one. */
export function planBackoff(options: BackoffOptions, defaults: { readonly resetAfter: number }): BackoffPlan {
  const { initial = 100, factor = 2, jitter = 0.5, attempts = Infinity, retryIf = () => true } = options;
  const { max = Math.max(initial, 30_000), resetAfter = defaults.resetAfter, scheduler = asyncScheduler, random = Math.random } = options;
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
    attempts,
    delay: (failures) => {
      const kept = jitter === 0 ? 1 : 1 - jitter * random();
      return Math.max(1, Math.round(Math.min(max, initial * factor ** (failures - 1)) * kept));
    },
    shouldRetry: (error, report) => !isFinal(error) && retryIf(error, report),
  };
}
