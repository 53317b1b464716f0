import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Claim } from '../../../src/wire/fh/claim.ts';

const REFUSED = { name: 'TypeError', message: expect.stringMatching(/^can't create second object for same fh/) as string };

function claim(fh: unknown): Claim {
  const made = new Claim(fh);
  made.acquire();
  return made;
}

describe('Claim', () => {
  it('refuses an fh that is claimed, until the claim is released', () => {
    for (const fh of [new PassThrough(), 4711]) {
      const first = claim(fh);
      expect(() => new Claim(fh)).toThrow(expect.objectContaining(REFUSED));
      first.release();
      claim(fh).release();
    }
  });

  it('claims the fh in acquire(), which rejects an fh that was claimed in between', () => {
    const [first, second] = [new Claim(4714), new Claim(4714)];
    first.acquire();
    expect(() => second.acquire()).toThrow(expect.objectContaining(REFUSED));
    first.release();
    second.acquire();
    second.release();
  });

  it('treats an object and the number of its descriptor as the same fh', () => {
    const handle = { fd: 4712 };
    const first = claim(handle);
    expect(() => new Claim(4712)).toThrow(expect.objectContaining(REFUSED));
    expect(() => new Claim({ fd: 4712 })).toThrow(expect.objectContaining(REFUSED));
    first.release();
    claim(4712).release();
  });

  it('keeps objects without a descriptor apart', () => {
    const claims = [{}, {}, { fd: -1 }, { fd: -1 }, { fd: null }].map(claim);
    for (const each of claims) each.release();
  });

  it('releases the number of an object that has closed its descriptor', () => {
    const handle: { fd: number } = { fd: 4713 };
    const first = claim(handle);
    handle.fd = -1;
    const second = claim(4713);
    first.release();
    expect(() => new Claim(4713), 'the later claim on the number stands').toThrow(expect.objectContaining(REFUSED));
    second.release();
    claim(4713).release();
  });
});
