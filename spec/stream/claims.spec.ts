import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'vitest';
import { claim, release } from '../../src/stream/claims.ts';

const REFUSED = { name: 'TypeError', message: /^can't create second object for same fh/ };

describe('claim', () => {
  it('refuses an fh that is claimed, until it is given back', () => {
    for (const fh of [new PassThrough(), 4711]) {
      claim(fh);
      assert.throws(() => claim(fh), REFUSED);
      release(fh);
      claim(fh);
      release(fh);
    }
  });

  it('knows an object and the number of its descriptor for the same', () => {
    const handle = { fd: 4712 };
    claim(handle);
    assert.throws(() => claim(4712), REFUSED);
    assert.throws(() => claim({ fd: 4712 }), REFUSED);
    release(handle);
    claim(4712);
    release(4712);
  });

  it('keeps objects without a descriptor apart', () => {
    const handles = [{}, {}, { fd: -1 }, { fd: -1 }, { fd: null }];
    for (const handle of handles) claim(handle);
    for (const handle of handles) release(handle);
  });

  it('gives back what it took, though the descriptor is closed by then', () => {
    const handle: { fd: number } = { fd: 4713 };
    claim(handle);
    handle.fd = -1;
    release(handle);
    claim(4713);
    release(4713);
  });
});
