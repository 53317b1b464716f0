import { constants } from 'node:os';
import { IOStreamError } from '../errors.ts';
import { inWords } from './in-words.ts';
import type { Rule } from './rules.ts';

/** So many bytes of a path fit; Node cuts off the rest, and connects or listens elsewhere. */
const LONGEST = { linux: 108, darwin: 104 }[process.platform as string] ?? Infinity;

/** What a path must be, in words, and the test: NUL ends a path, but one that begins with NUL is an abstract socket on Linux. */
export const UNIX_PATH: Rule = [
  process.platform === 'linux' ? 'a path without NUL, or NUL and a name for an abstract socket' : 'a path without NUL',
  (value) => typeof value === 'string' && /^[^\0]+$/.test(process.platform === 'linux' ? value.replace(/^\0/, '') : value),
  inWords,
];

/** Whether a path names an abstract socket of Linux, which is no file. */
export function isAbstract(path: string): boolean {
  return path.startsWith('\0');
}

/** A path as messages show it: an abstract one with `@` in front, as in `ss` and `/proc/net/unix`. */
export function pathInWords(path: string): string {
  return path.replace(/^\0/, '@');
}

/** @throws IOStreamError with the system's ENAMETOOLONG. */
export function checkUnixPath(path: string, syscall: 'connect' | 'listen'): void {
  const length = Buffer.byteLength(path);
  if (length <= LONGEST) return;
  throw new IOStreamError('ENAMETOOLONG', {
    phase: 'connect',
    message: `${syscall} ENAMETOOLONG: expected a path of at most ${LONGEST} bytes, got ${length}: ${pathInWords(path)}`,
    errno: -constants.errno.ENAMETOOLONG,
    facts: { syscall },
  });
}
