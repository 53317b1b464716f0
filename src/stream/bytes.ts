import { describeWithType } from '../util/describe.ts';

/** Returns a Buffer over the same memory, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The data that can be written: a string (as UTF-8) or a view of bytes. */
export type Writable = string | NodeJS.ArrayBufferView;

/**
 * Returns the bytes of `data`: strings as UTF-8, views without a copy.
 *
 * @throws TypeError that names `what`, for any other type.
 */
export function toBytes(data: unknown, what: string): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError(`expected ${what} to be a string, a Buffer or another view of bytes, got ${describeWithType(data)}`);
}
