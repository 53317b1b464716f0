import { closeSync, fchmodSync, fstatSync, openSync, writeFileSync } from 'node:fs';

/** Writes a file that only its owner may read. The mode of a file that exists is changed before anything is written. */
export function writePrivate(path: string, content: string | Uint8Array): void {
  const file = openSync(path, 'w', 0o600);
  try {
    // Not a device such as /dev/stdout.
    if (fstatSync(file).isFile()) fchmodSync(file, 0o600);
    writeFileSync(file, content);
  } finally {
    closeSync(file);
  }
}
