import { describe, expect, it } from 'vitest';
import { allocate, asBytes, concat, toBytes } from '../../src/stream/bytes.web.ts';

describe('the bytes of the Web', () => {
  it('keep a Uint8Array as it is, and make a view of a subclass', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(asBytes(bytes)).toBe(bytes);
    expect(toBytes(bytes, 'it')).toBe(bytes);
    const buffer = Buffer.from('abc');
    expect(asBytes(buffer).constructor).toBe(Uint8Array);
    expect(asBytes(buffer).buffer).toBe(buffer.buffer);
  });

  it('take text as UTF-8, and views of other types', () => {
    expect([...toBytes('ä', 'it')]).toEqual([0xc3, 0xa4]);
    expect([...toBytes(new DataView(Uint8Array.of(9, 1, 2).buffer, 1), 'it')]).toEqual([1, 2]);
    expect(() => toBytes(5, 'the data')).toThrow('expected the data to be a string, a Uint8Array or another view of bytes, got a number');
  });

  it('are joined, and allocated', () => {
    expect([...concat([Uint8Array.of(1), Uint8Array.of(2, 3)])]).toEqual([1, 2, 3]);
    expect(allocate(3).constructor).toBe(Uint8Array);
  });
});
