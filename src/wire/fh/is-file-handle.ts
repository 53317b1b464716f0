import type { FileHandle } from 'node:fs/promises';
import { hasMethods } from './has-methods.ts';

/** Whether a value is a `FileHandle` of fs/promises. Checks its methods, because the class is not exported. */
export function isFileHandle(fh: unknown): fh is FileHandle {
  return hasMethods(fh, 'createReadStream', 'createWriteStream', 'close', 'once') && typeof fh.fd === 'number';
}
