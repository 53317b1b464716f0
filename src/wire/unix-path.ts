import { constants } from 'node:os';
import { IOStreamError } from '../errors.ts';
import { describeValue } from '../util/describe.ts';
import type { Rule } from '../util/check-options.ts';

/** Maximum bytes of a path. Node truncates a longer path, and connects or listens on the wrong one. */
const MAX_PATH_BYTES = { linux: 108, darwin: 104 }[process.platform as string] ?? Infinity;

/** Rule for a path. NUL is not allowed, except at the start on Linux, where it names an abstract socket. */
export const UNIX_PATH: Rule = [
  process.platform === 'linux' ? 'a path without NUL, or NUL and a name for an abstract socket' : 'a path without NUL',
  (value) => typeof value === 'string' && /^[^\0]+$/.test(process.platform === 'linux' ? value.replace(/^\0/, '') : value),
  describeValue,
];

/** Whether a path names an abstract socket of Linux, which is no file. */
export function isAbstract(path: string): boolean {
  return path.startsWith('\0');
}

/** Formats a path for messages: an abstract one with a leading `@`, as in `ss` and `/proc/net/unix`. */
export function pathInWords(path: string): string {
  return path.replace(/^\0/, '@');
}

/** Checks the length of a path. @throws IOStreamError with the system's ENAMETOOLONG. */
export function checkUnixPath(path: string, syscall: 'connect' | 'listen'): void {
  const length = Buffer.byteLength(path);
  if (length <= MAX_PATH_BYTES) return;
  throw new IOStreamError('ENAMETOOLONG', {
    phase: 'connect',
    message: `${syscall} ENAMETOOLONG: expected a path of at most ${MAX_PATH_BYTES} bytes, got ${length}: ${pathInWords(path)}`,
    errno: -constants.errno.ENAMETOOLONG,
    facts: { syscall },
  });
}
