import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { inWords } from '../stream/bytes.ts';

/** How long to wait before trying again, and how often to try. */
export interface BackoffOptions {
  /** Milliseconds before the second attempt, more than 0. @default 100 */
  readonly initial?: number | undefined;
  /** The longest wait, in milliseconds. @default 30000 */
  readonly max?: number | undefined;
  /** How many times as long each wait is as the one before, 1 or more. @default 2 */
  readonly factor?: number | undefined;
  /** Up to which part of each wait is left out by chance, 0 to 1: many clients do not come back at once. @default 0.5 */
  readonly jitter?: number | undefined;
  /** How many attempts in a row, the first one included, may fail; then the last error is told. @default Infinity */
  readonly attempts?: number | undefined;
  /**
   * After a connection that was good for so many milliseconds the count starts again.
   * @default Infinity for `backoff`, 10000 for `persistent`
   */
  readonly resetAfter?: number | undefined;
  /** Where the time passes. @default asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Gives numbers from 0 to less than 1 for the jitter. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** Checked options, and what they say. */
export interface BackoffPlan {
  readonly scheduler: SchedulerLike;
  readonly resetAfter: number;
  /** The wait after so many failures in a row, in milliseconds; undefined: no more attempts. */
  readonly delay: (failures: number) => number | undefined;
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0;
const isSpan = (value: unknown): value is number => isTime(value) && value < Infinity;

/** Checks the options; throws a TypeError that names the wrong one. */
export function planBackoff(options: BackoffOptions, usual: { readonly resetAfter: number }): BackoffPlan {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null)
    throw new TypeError(`expected an object of options for the backoff, got ${inWords(options)}`);
  const { initial = 100, factor = 2, jitter = 0.5, attempts = Infinity } = options;
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
  expect('scheduler', typeof (scheduler as unknown) === 'object' && 'schedule' in scheduler, 'an RxJS scheduler', scheduler);
  expect('random', typeof (random as unknown) === 'function', 'a function', random);
  return {
    scheduler,
    resetAfter,
    delay: (failures) =>
      failures < attempts ? Math.min(max, initial * factor ** (failures - 1)) * (1 - (jitter === 0 ? 0 : jitter * random())) : undefined,
  };
}
