import { describe, expect, it } from 'vitest';
import { indexOfBytes } from '../../src/util/index-of-bytes.ts';

const of = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('indexOfBytes', () => {
  it.each<[text: string, wanted: string, from: number | undefined, to: number | undefined, at: number]>([
    ['abcabc', 'c', undefined, undefined, 2],
    ['abcabc', 'bc', 2, undefined, 4],
    ['abcabc', 'bc', undefined, 2, -1],
    ['aab', 'ab', undefined, undefined, 1],
    ['ab', 'abc', undefined, undefined, -1],
    ['', 'a', undefined, undefined, -1],
  ])('finds in %j the first complete %j from %s to %s at %i', (text, wanted, from, to, at) =>
    expect(indexOfBytes(of(text), of(wanted), from, to)).toBe(at),
  );
});
