import { fdAccess, type FdAccess } from './fd-access.ts';
import { fdSort, type FdSort } from './fd-sort.ts';
import { noDescriptor } from './no-descriptor.ts';

/** Kind of a descriptor. Decides which Node stream can carry it, and in which directions. */
export interface FdKind extends FdAccess {
  readonly sort: FdSort;
}

/** Determines the kind of a descriptor. Throws a `TypeError` if it is closed, a directory, or cannot carry bytes. */
export function fdKind(fd: number): FdKind {
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) {
    throw noDescriptor('a descriptor, an integer from 0', String(fd), 'pass a number that fs.open returned');
  }
  const sort = fdSort(fd);
  const access = fdAccess(fd, sort);
  if (!access.canRead && !access.canWrite) {
    throw noDescriptor('a descriptor for reading or writing', `${fd}, which was opened for neither`, 'open it with another mode');
  }
  return { sort, ...access };
}
