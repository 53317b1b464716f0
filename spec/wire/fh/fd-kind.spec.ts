import { closeSync, openSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fdKind } from '../../../src/wire/fh/fd-kind.ts';

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
  it('determines the directions in which a file was opened', () => {
    expect(fdKind(opened('/dev/null', 'r'))).toStrictEqual({ sort: 'file', ...readOnly });
    expect(fdKind(opened('/dev/null', 'w'))).toStrictEqual({ sort: 'file', ...writeOnly });
    expect(fdKind(opened('/dev/null', 'r+'))).toStrictEqual({ sort: 'file', ...both });
  });

  it.runIf(process.platform === 'linux')('rejects a descriptor that can neither be read nor written', () => {
    const fd = opened('/dev/null', O_PATH);
    expect(() => fdKind(fd)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(/^can't get file descriptor: expected .* for reading or writing, got/),
      }),
    );
  });
});
