import { inWords, typeInWords } from '../wire/in-words.ts';

export { inWords };

/** A Buffer over the same memory, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What a user may give to be written. */
export type Writable = string | NodeJS.ArrayBufferView;

/** The bytes of what a user gave, strings in UTF-8, without a copy; anything else is a TypeError that names `what`. */
export function toBytes(data: unknown, what: string): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError(`expected ${what} to be a string, a Buffer or another view of bytes, got ${typeInWords(data)}`);
}
