import { describe, expect, it } from 'vitest';
import { rechunk, type Cut } from '../../src/testing/rechunk.ts';

const text = ({ chunks }: Cut): string => chunks.map((chunk) => Buffer.from(chunk).toString()).join('·');
const named = (cuts: Iterable<Cut>): string[] => [...cuts].map((cut) => `${cut.name}: ${text(cut)}`);

describe('rechunk', () => {
  it('yields the whole, every single cut, every pair of cuts, and byte by byte', () => {
    expect(named(rechunk('abcd', { random: 0 }))).toStrictEqual([
      'whole: abcd',
      'cut at 1: a·bcd',
      'cut at 2: ab·cd',
      'cut at 3: abc·d',
      'cut at 1 and 2: a·b·cd',
      'cut at 1 and 3: a·bc·d',
      'cut at 2 and 3: ab·c·d',
      'byte by byte: a·b·c·d',
    ]);
  });

  it('yields pairs of cuts for at most `pairs` bytes', () => {
    const pairs = (bytes: number, options = {}): number =>
      named(rechunk('x'.repeat(bytes), options)).filter((name) => name.includes(' and ')).length;
    expect([pairs(2), pairs(16), pairs(17), pairs(17, { pairs: 17 }), pairs(4, { pairs: 0 })]).toStrictEqual([0, 105, 0, 120, 0]);
  });

  it('adds empty chunks with `empty`', () => {
    expect(named(rechunk('ab', { random: 0, empty: true }))).toStrictEqual([
      'whole, with empty chunks between: ·ab·',
      'cut at 1, with empty chunks between: ·a··b·',
      'byte by byte, with empty chunks between: ·a··b·',
    ]);
  });

  it('yields one empty stream for no bytes, and one chunk for one byte', () => {
    expect(named(rechunk(''))).toStrictEqual(['whole: ']);
    expect(named(rechunk('a'))).toStrictEqual(['whole: a']);
  });

  it('names the seed of a random cut, and repeats the cut for that seed', () => {
    const cuts = [...rechunk('a'.repeat(500), { single: 1, random: 5, seed: 40 })];
    const third = cuts.find((cut) => cut.name === 'random cuts, seed 42') ?? expect.unreachable();
    expect(third.seed).toBe(42);
    const again = [...rechunk('a'.repeat(500), { single: 1, random: 1, seed: 42 })].find((cut) => cut.seed === 42);
    expect(again?.chunks).toStrictEqual(third.chunks);
    const others = cuts.filter((cut) => cut.seed !== undefined).map((cut) => cut.chunks.length);
    expect(new Set(others).size > 1).toBe(true);
  });

  it('loses no byte with any cut', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, at) => at & 0xff);
    for (const { name, chunks } of rechunk(bytes)) expect(Buffer.concat(chunks), name).toStrictEqual(Buffer.from(bytes));
  });

  it('spreads `single` cuts evenly over more places', () => {
    const cuts = named(rechunk('abcdefgh', { single: 2, pairs: 0, random: 0 })).filter((name) => name.startsWith('cut'));
    expect(cuts).toStrictEqual(['cut at 1: a·bcdefgh', 'cut at 4: abcd·efgh']);
  });

  it('cuts text as UTF-8', () => {
    expect([...rechunk('é', { random: 0 })].map(({ chunks }) => chunks.length)).toStrictEqual([1, 2, 2]);
  });
});
