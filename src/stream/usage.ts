/** Start of each message about a wrong argument of a stream. */
export const USAGE = 'usage: new IOStream({ fh | host, port | path | wire, cb?, waitFor?, plugin?, … })';

/** Creates the error of a wrong argument: what was expected, and what was passed. */
export function usage(expected: string, got: string): TypeError {
  return new TypeError(`${USAGE}: expected ${expected}, got ${got}`);
}
