import { fstatSync, readFileSync, readvSync, writevSync, type Stats } from 'node:fs';
import { isatty } from 'node:tty';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';

/** Kind of a descriptor. Decides which Node stream can carry it, and in which directions. */
export interface FdKind {
  readonly sort: 'socket' | 'pipe' | 'tty' | 'file';
  readonly canRead: boolean;
  readonly canWrite: boolean;
}

/** Directions in which a descriptor was opened. */
export type Access = Pick<FdKind, 'canRead' | 'canWrite'>;

/** Creates the error for an unusable fh: what was expected, what was received, what to do. */
export function noDescriptor(expected: string, got: string, advice: string, cause?: unknown): TypeError {
  const message = `can't get file descriptor: expected ${expected}, got ${got}; ${advice}`;
  return new TypeError(message, cause === undefined ? undefined : { cause });
}

/** Determines the kind of a descriptor. Throws a `TypeError` if it is closed, a directory, or cannot carry bytes. */
export function fdKind(fd: number): FdKind {
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) {
    throw noDescriptor('a descriptor, an integer from 0', String(fd), 'give the number that open or fstat use');
  }
  const sort = sortOf(fd, stat(fd));
  const access = accessOf(fd, sort);
  if (!access.canRead && !access.canWrite) {
    throw noDescriptor('a descriptor for reading or writing', `${fd}, which was opened for neither`, 'open it with another mode');
  }
  return { sort, ...access };
}

function stat(fd: number): Stats {
  try {
    return fstatSync(fd);
  } catch (cause) {
    throw noDescriptor('an open descriptor', `${fd}, which is not open`, 'give it before it is closed', cause);
  }
}

function sortOf(fd: number, stats: Stats): FdKind['sort'] {
  if (stats.isSocket()) return 'socket';
  if (stats.isFIFO()) return 'pipe';
  if (isatty(fd)) return 'tty';
  if (stats.isFile() || stats.isCharacterDevice() || stats.isBlockDevice()) return 'file';
  const expected = 'a descriptor of a socket, pipe, terminal, file or device';
  if (stats.isDirectory()) {
    throw noDescriptor(expected, `${fd}, which is a directory`, 'list directories with fs.opendir');
  }
  throw noDescriptor(expected, `${fd}, which is something else`, 'use an API made for it');
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
export function accessOf(fd: number, sort: FdKind['sort'], fdinfo = `/proc/self/fdinfo/${fd}`): Access {
  let info: string;
  try {
    info = readFileSync(fdinfo, 'latin1');
  } catch {
    if (sort === 'socket' || sort === 'tty') return { canRead: true, canWrite: true };
    const nothing = [EMPTY_BYTES];
    return { canRead: allows(() => readvSync(fd, nothing)), canWrite: allows(() => writevSync(fd, nothing)) };
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
