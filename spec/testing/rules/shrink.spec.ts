import { describe, expect, it } from 'vitest';
import { shrink } from '../../../src/testing/rules/shrink.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (each: Uint8Array): string => Buffer.from(each).toString();

describe('shrink', () => {
  it('leaves only what makes it fail, and makes the rest plain', () => {
    expect(text(shrink(bytes('some bytes: x, and y here'), (each) => /x.*y/.test(text(each))))).toBe('xy');
    expect(text(shrink(bytes('0123456789'), (each) => each.length > 4))).toBe('aaaaa');
  });

  it('gives back what cannot be made shorter', () => {
    expect(text(shrink(bytes('abc'), (each) => text(each) === 'abc'))).toBe('abc');
    expect(shrink(bytes('abc'), () => true).length).toBe(0);
  });
});
