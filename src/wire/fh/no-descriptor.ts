/** Creates the error for an unusable fh: what was expected, what was passed, what to do. */
export function noDescriptor(expected: string, got: string, advice: string, cause?: unknown): TypeError {
  const message = `can't get file descriptor: expected ${expected}, got ${got}; ${advice}`;
  return new TypeError(message, cause === undefined ? undefined : { cause });
}
