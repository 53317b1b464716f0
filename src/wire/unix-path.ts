import { constants } from 'node:os';
import { IOStreamError } from '../errors.ts';

/** So many bytes of a path fit; Node cuts off the rest, and connects or listens elsewhere. */
const LONGEST = { linux: 108, darwin: 104 }[process.platform as string] ?? Infinity;

/** @throws IOStreamError with the system's ENAMETOOLONG. */
export function checkUnixPath(path: string, syscall: 'connect' | 'listen'): void {
  const length = Buffer.byteLength(path);
  if (length <= LONGEST) return;
  throw new IOStreamError('ENAMETOOLONG', {
    phase: 'connect',
    message: `${syscall} ENAMETOOLONG: expected a path of at most ${LONGEST} bytes, got ${length}: ${path}`,
    errno: -constants.errno.ENAMETOOLONG,
    facts: { syscall },
  });
}
