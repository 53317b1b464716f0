import { describe, expect, it } from 'vitest';
import { bytesOf, plainView } from '../../src/util/plain-view.ts';

/** As Buffer, which browsers do not have. */
class SubBytes extends Uint8Array {}

describe('plainView', () => {
  it('returns a Uint8Array itself', () => {
    const bytes = Uint8Array.of(1, 2);
    expect(plainView(bytes)).toBe(bytes);
  });

  it.each([
    ['a subclass', new SubBytes([0, 1, 2]).subarray(1)],
    ['a DataView', new DataView(Uint8Array.of(0, 1, 2).buffer, 1)],
  ])('returns a Uint8Array over the memory of %s', (_name, view) => {
    const plain = plainView(view);
    expect(plain).toEqual(Uint8Array.of(1, 2));
    expect(plain.buffer).toBe(view.buffer);
  });
});

describe('bytesOf', () => {
  it('returns a Uint8Array or a subclass itself', () => {
    for (const bytes of [Uint8Array.of(1), new SubBytes([1])]) expect(bytesOf(bytes)).toBe(bytes);
  });

  it.each([
    ['an ArrayBuffer', Uint8Array.of(1, 2).buffer],
    ['another view', new DataView(Uint8Array.of(0, 1, 2).buffer, 1)],
  ])('returns the bytes of %s', (_name, value) => {
    expect(bytesOf(value)).toEqual(Uint8Array.of(1, 2));
  });

  it('returns undefined for anything else', () => {
    for (const value of ['text', [1, 2], {}, undefined]) expect(bytesOf(value)).toBeUndefined();
  });
});
