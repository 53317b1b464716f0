import { describe, expect, it } from 'vitest';
import { shrink } from '../../../src/testing/rules/shrink.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (each: Uint8Array): string => Buffer.from(each).toString();

describe('shrink', () => {
  it('keeps only the bytes that make the input fail, and replaces the rest by a', () => {
    expect(text(shrink(bytes('some bytes: x, and y here'), (each) => /x.*y/.test(text(each))))).toBe('xy');
    expect(text(shrink(bytes('0123456789'), (each) => each.length > 4))).toBe('aaaaa');
  });

  it('returns an input that cannot be shortened', () => {
    expect(text(shrink(bytes('abc'), (each) => text(each) === 'abc'))).toBe('abc');
    expect(shrink(bytes('abc'), () => true).length).toBe(0);
  });

  it('shortens an input of a megabyte', () => {
    const long = new Uint8Array(2 ** 20);
    long[700_000] = 7;
    expect(shrink(long, (each) => each.includes(7))).toEqual(Uint8Array.of(7));
  });
});
