import { describe, expect, it } from 'vitest';
import { asBuffer, toBytes } from '../../src/stream/bytes.ts';
import { describeValue } from '../../src/util/describe.ts';

describe('toBytes', () => {
  it('takes a string as UTF-8', () => {
    expect(toBytes('é✓', 'x').toString('hex')).toBe('c3a9e29c93');
    expect(toBytes('', 'x').length).toBe(0);
  });

  it('takes any view over the same memory, without a copy', () => {
    const memory = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    for (const view of [
      new Uint8Array(memory, 2, 4),
      new Int16Array(memory, 2, 2),
      new DataView(memory, 2, 4),
      Buffer.from(memory, 2, 4),
    ]) {
      const bytes = toBytes(view, 'x');
      expect(Buffer.isBuffer(bytes) && bytes.buffer === memory).toBe(true);
      expect([...bytes]).toStrictEqual([3, 4, 5, 6]);
    }
  });

  it('refuses anything else with a TypeError that names what it was for', () => {
    for (const wrong of [undefined, null, 5, {}, [1], new ArrayBuffer(1), Symbol('s'), () => {}]) {
      expect(() => toBytes(wrong, '`outBuf`')).toThrow(
        expect.objectContaining({
          name: 'TypeError',
          message: expect.stringMatching(/^expected `outBuf` to be a string, a Buffer or another view of bytes, got /),
        }),
      );
    }
  });
});

describe('asBuffer', () => {
  it('gives a Buffer over the same memory', () => {
    const bytes = new Uint8Array([1, 2, 3]).subarray(1);
    const buffer = asBuffer(bytes);
    expect(Buffer.isBuffer(buffer) && buffer.buffer === bytes.buffer).toBe(true);
    expect([...buffer]).toStrictEqual([2, 3]);
    expect(asBuffer(buffer)).toBe(buffer);
  });
});

describe('describeValue', () => {
  it('shows a value short, with its type', () => {
    expect(describeValue('80')).toBe('"80" (string)');
    expect(describeValue(80)).toBe('80 (number)');
    expect(describeValue(NaN)).toMatch(/^NaN/);
    expect(describeValue(undefined)).toBe('undefined');
    expect(describeValue(null)).toBe('null');
    expect(describeValue(() => {})).toBe('a function');
    expect(describeValue([1, 2])).toBe('an array of 2');
    expect(describeValue(Object.create(null))).toMatch(/^an object/);
    expect(describeValue(new Map())).toBe('an object (Map)');
    expect(describeValue('x'.repeat(1000)).length).toBeLessThan(60);
  });
});
