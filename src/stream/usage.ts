import { USAGE } from './endpoint.ts';

/** Creates the error of a wrong argument: what was expected, and what was passed. */
export function usage(expected: string, got: string): TypeError {
  return new TypeError(`${USAGE}: expected ${expected}, got ${got}`);
}
