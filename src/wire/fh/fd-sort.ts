import { fstatSync, type Stats } from 'node:fs';
import { isatty } from 'node:tty';
import { noDescriptor } from './no-descriptor.ts';

/** What a descriptor belongs to. `file` includes devices. */
export type FdSort = 'socket' | 'pipe' | 'tty' | 'file';

/** Determines what a descriptor belongs to. Throws a `TypeError` if it is closed, or belongs to something else. */
export function fdSort(fd: number): FdSort {
  const stats = stat(fd);
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

function stat(fd: number): Stats {
  try {
    return fstatSync(fd);
  } catch (cause) {
    throw noDescriptor('an open descriptor', `${fd}, which is not open`, 'pass it before it is closed', cause);
  }
}
