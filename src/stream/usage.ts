import { ENDPOINT_USAGE } from './endpoint.ts';

/** Start of each message about a wrong argument of a stream. */
export const USAGE: string = `usage: new IOStream({ ${ENDPOINT_USAGE}, cb?, waitFor?, plugin?, … })`;

/** Creates the error of a wrong argument: what was expected, and what was passed. */
export function usage(expected: string, got: string): TypeError {
  return new TypeError(`${USAGE}: expected ${expected}, got ${got}`);
}
