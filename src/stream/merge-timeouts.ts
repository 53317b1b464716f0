import { checkOptions, type OptionSet, type Rule } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isTime } from '../util/value-tests.ts';
import type { Timeouts } from '../wire/signal.ts';
import { TIMEOUTS } from '../wire/timeouts.ts';
import { USAGE } from './endpoint.ts';

const TIME: Rule = ['milliseconds, 0 or more; 0 or Infinity for never', isTime];

const TIMEOUT_OPTIONS: OptionSet = {
  caller: '`timeouts`',
  usage: USAGE,
  prefix: 'timeouts.',
  rules: Object.fromEntries(Object.keys(TIMEOUTS).map((name) => [name, TIME])),
  show: describeValue,
};

/**
 * Copies timeouts, and checks the copy.
 *
 * @throws TypeError for an unknown name, or a value that is not a time.
 */
export function checkTimeouts(timeouts: Partial<Timeouts>): Partial<Timeouts> {
  return checkOptions(timeouts, TIMEOUT_OPTIONS);
}

/**
 * Merges `wanted` into the timeouts in `present`; 0 becomes Infinity (off).
 *
 * @throws TypeError as {@link checkTimeouts} does.
 */
export function mergeTimeouts(present: Timeouts, wanted: Partial<Timeouts>): Timeouts {
  const merged: Record<string, number> = { ...present };
  for (const [name, ms] of Object.entries(checkTimeouts(wanted)) as [string, number | undefined][])
    if (ms !== undefined) merged[name] = ms || Infinity;
  return merged as unknown as Timeouts;
}
