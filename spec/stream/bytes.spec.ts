import { describe, expect, it } from 'vitest';
import { asBytes, toBytes } from '../../src/stream/bytes.ts';

describe('toBytes', () => {
  it('encodes a string as UTF-8', () => {
    expect(toBytes('é✓', 'x').toString('hex')).toBe('c3a9e29c93');
    expect(toBytes('', 'x').length).toBe(0);
  });

  it('returns a Buffer over the memory of any view, without a copy', () => {
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

  it('throws a TypeError that names the argument for anything else', () => {
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

describe('asBytes', () => {
  it('returns a Buffer over the same memory, or the Buffer itself', () => {
    const bytes = new Uint8Array([1, 2, 3]).subarray(1);
    const buffer = asBytes(bytes);
    expect(Buffer.isBuffer(buffer) && buffer.buffer === bytes.buffer).toBe(true);
    expect([...buffer]).toStrictEqual([2, 3]);
    expect(asBytes(buffer)).toBe(buffer);
  });
});
