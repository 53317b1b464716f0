import { describe, expect, it } from 'vitest';
import { reserve } from '../../src/stream/slab.ts';

describe('reserve', () => {
  it('fills a slab to its last byte', () => {
    const before = reserve(8192).buffer;
    const piece = (): ArrayBufferLike => reserve(8192).buffer;
    let slab = before;
    while (slab === before) slab = piece();
    expect([piece(), piece(), piece()].map((each) => each === slab)).toEqual([true, true, true]);
    expect(piece()).not.toBe(slab);
  });

  it('shares a slab of 32 KiB up to 8 KiB, and allocates longer pieces on their own', () => {
    expect([8191, 8192, 8193].map((length) => reserve(length).buffer.byteLength)).toEqual([32_768, 32_768, 8193]);
  });
});
