import { describe, expect, it } from 'vitest';
import { reserve } from '../../src/stream/slab.ts';

describe('reserve', () => {
  it('never returns the same memory twice', () => {
    const pieces = Array.from({ length: 2000 }, (_, i) => reserve((i * 37) % 9000).fill(i % 251));
    pieces.forEach((piece, i) => expect([...new Set(piece)]).toEqual(piece.length === 0 ? [] : [i % 251]));
  });

  it('returns the requested length, from 0 to more than a slab', () => {
    for (const length of [0, 1, 8191, 8192, 8193, 32_768, 100_000]) expect(reserve(length)).toHaveLength(length);
  });

  it('retains at most 32 KiB for a short piece', () => {
    for (let i = 0; i < 100; i += 1) expect(reserve(100 * (i % 80)).buffer.byteLength).toBeLessThanOrEqual(32 * 1024);
  });
});
