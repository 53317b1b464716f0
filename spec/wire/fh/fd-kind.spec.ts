import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { describe, it, onTestFinished } from 'vitest';
import { accessOf, fdKind } from '../../../src/wire/fh/fd-kind.ts';

function opened(path: string, flags: string | number): number {
  const fd = openSync(path, flags);
  onTestFinished(() => closeSync(fd));
  return fd;
}

const both = { canRead: true, canWrite: true };
const readOnly = { canRead: true, canWrite: false };
const writeOnly = { canRead: false, canWrite: true };
const O_PATH = 0o10000000;

describe('fdKind', () => {
  it('tells the directions in which a file was opened', () => {
    assert.deepEqual(fdKind(opened('/dev/null', 'r')), { sort: 'file', ...readOnly });
    assert.deepEqual(fdKind(opened('/dev/null', 'w')), { sort: 'file', ...writeOnly });
    assert.deepEqual(fdKind(opened('/dev/null', 'r+')), { sort: 'file', ...both });
  });

  it.runIf(process.platform === 'linux')('refuses a descriptor that is opened for nothing', () => {
    const fd = opened('/dev/null', O_PATH);
    assert.throws(() => fdKind(fd), /^TypeError: can't get file descriptor: expected .* for reading or writing, got/);
  });
});

describe('accessOf, without /proc', () => {
  const none = '/nowhere';

  it('finds out by trying', () => {
    assert.deepEqual(accessOf(opened('/dev/null', 'r'), 'file', none), readOnly);
    assert.deepEqual(accessOf(opened('/dev/null', 'w'), 'file', none), writeOnly);
    assert.deepEqual(accessOf(opened('/dev/null', 'r+'), 'file', none), both);
  });

  it('takes both directions of a socket and a terminal for given', () => {
    const fd = opened('/dev/null', 'r');
    assert.deepEqual(accessOf(fd, 'socket', none), both);
    assert.deepEqual(accessOf(fd, 'tty', none), both);
  });
});
