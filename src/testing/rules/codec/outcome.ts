import { asText } from '../../../util/log-format.ts';
import { show } from '../../bytes.ts';
import { same } from '../../same.ts';
import { isStreamError } from '../is-stream-error.ts';

/** The messages of a stream, and how it ended. */
export interface Outcome {
  readonly values: unknown[];
  end: 'complete' | 'error' | 'open';
  error?: unknown;
}

/** Maximum number of values in a message, and of characters of each. */
const MAX_SHOWN = 5;
const MAX_CHARACTERS = 80;

/** Describes how an outcome differs from the expected one, if it does. */
export function outcomeProblem(outcome: Outcome, values: readonly unknown[], end: 'complete' | 'error' = 'complete'): string | undefined {
  if (!same(outcome.values, values)) return `expected ${describe(values)}, got ${describe(outcome.values)}${describeEnd(outcome)}`;
  if (outcome.end !== end)
    return `expected ${end === 'complete' ? 'completion' : 'an error'} after ${describe(values)}, got none${describeEnd(outcome)}`;
  return end === 'error' ? errorProblem(outcome.error) : undefined;
}

/** Describes an error that is not one of the library, if it is not. */
export function errorProblem(error: unknown): string | undefined {
  return isStreamError(error) ? undefined : `expected an error with a code and a phase, got ${asText(error)}`;
}

function describeEnd({ end, error }: Outcome): string {
  return end === 'error' ? ` and ${asText(error)}` : end === 'open' ? ' and no end' : '';
}

function describe(values: readonly unknown[]): string {
  if (values.length === 0) return 'no messages';
  const shown = values
    .slice(0, MAX_SHOWN)
    .map((value) => (value instanceof Uint8Array ? show(value) : json(value).slice(0, MAX_CHARACTERS)));
  return `${shown.join(', ')}${values.length > MAX_SHOWN ? ` and ${values.length - MAX_SHOWN} more` : ''}`;
}

/** Returns JSON, or other text for values without JSON: undefined, a bigint, a cyclic object. */
function json(value: unknown): string {
  try {
    const text: unknown = JSON.stringify(value);
    return typeof text === 'string' ? text : asText(value);
  } catch {
    return asText(value);
  }
}
