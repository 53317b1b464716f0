import { describe, expect, it } from 'vitest';
import { mutate } from '../../../src/testing/chaos/mutate.ts';
import { randomOf } from '../../../src/testing/random-of.ts';

describe('mutate', () => {
  const samples = ['HTTP/1.1 200\r\n', 'x'].map((each) => new Uint8Array(Buffer.from(each)));
  const made = (seed: number): string => Buffer.from(mutate(samples, randomOf(seed))).toString('latin1');

  it('returns the same bytes for the same random numbers, and changes no sample', () => {
    const before = samples.map((each) => each.slice());
    for (let seed = 0; seed < 500; seed += 1) expect(made(seed)).toBe(made(seed));
    expect(samples).toStrictEqual(before);
  });

  it('returns many different inputs, most of them similar to a sample', () => {
    const all = Array.from({ length: 500 }, (_, seed) => made(seed));
    expect(new Set(all).size).toBeGreaterThan(250);
    expect(all.filter((each) => each.includes('HTTP') || each.includes('200')).length).toBeGreaterThan(100);
    expect(all.some((each) => each.length === 0) && all.some((each) => each.length > 20)).toBe(true);
  });

  it('accepts an empty list of samples', () => {
    for (let seed = 0; seed < 50; seed += 1) expect(mutate([], randomOf(seed)).length).toBeLessThan(100);
  });
});
