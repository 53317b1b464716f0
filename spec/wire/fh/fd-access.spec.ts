import { closeSync, openSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fdAccess } from '../../../src/wire/fh/fd-access.ts';

function opened(path: string, flags: string | number): number {
  const fd = openSync(path, flags);
  onTestFinished(() => closeSync(fd));
  return fd;
}

const both = { canRead: true, canWrite: true };
const readOnly = { canRead: true, canWrite: false };
const writeOnly = { canRead: false, canWrite: true };

describe('fdAccess, without /proc', () => {
  const none = '/nowhere';

  it('determines the directions by a read and a write of zero bytes', () => {
    expect(fdAccess(opened('/dev/null', 'r'), 'file', none)).toStrictEqual(readOnly);
    expect(fdAccess(opened('/dev/null', 'w'), 'file', none)).toStrictEqual(writeOnly);
    expect(fdAccess(opened('/dev/null', 'r+'), 'file', none)).toStrictEqual(both);
  });

  it('assumes both directions of a socket and a terminal', () => {
    const fd = opened('/dev/null', 'r');
    expect(fdAccess(fd, 'socket', none)).toStrictEqual(both);
    expect(fdAccess(fd, 'tty', none)).toStrictEqual(both);
  });
});
