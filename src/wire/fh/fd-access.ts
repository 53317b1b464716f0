import { readFileSync, readvSync, writevSync } from 'node:fs';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';
import type { FdSort } from './fd-sort.ts';

/** Directions in which a descriptor was opened. */
export interface FdAccess {
  readonly canRead: boolean;
  readonly canWrite: boolean;
}

/** Mask of the access mode in the flags of open(2). */
const ACCESS_MODE = 3;
const READ_ONLY = 0;
const WRITE_ONLY = 1;
const READ_WRITE = 2;
/** `O_PATH` of Linux: the descriptor only names a file, and cannot read or write. */
const PATH_ONLY = 0o10000000;

/**
 * Determines in which directions a descriptor was opened. Linux shows them in /proc. Elsewhere a read and a write of zero bytes
 * are tried, which fail only if the direction is missing. Sockets have both directions. Terminals are assumed to have both,
 * because a zero-length read could block.
 */
export function fdAccess(fd: number, sort: FdSort, fdinfo = `/proc/self/fdinfo/${fd}`): FdAccess {
  let info: string;
  try {
    info = readFileSync(fdinfo, 'latin1');
  } catch {
    if (sort === 'socket' || sort === 'tty') return { canRead: true, canWrite: true };
    return { canRead: allows(() => readvSync(fd, [EMPTY_BYTES])), canWrite: allows(() => writevSync(fd, [EMPTY_BYTES])) };
  }
  const flags = parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '2', 8);
  const mode = flags & PATH_ONLY ? undefined : flags & ACCESS_MODE;
  return {
    canRead: mode === READ_ONLY || mode === READ_WRITE,
    canWrite: mode === WRITE_ONLY || mode === READ_WRITE,
  };
}

function allows(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EBADF';
  }
}
