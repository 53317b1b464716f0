import { describeWithType } from '../util/describe.ts';

/** The class of the bytes that a stream emits: `Buffer` in Node; `Uint8Array` in `rxjs-io-stream/web`. */
export type Bytes = Buffer;

/** The data that can be written: a string (as UTF-8) or a view of bytes. */
export type Writable = string | NodeJS.ArrayBufferView;

/** Names what {@link toBytes} accepts, for messages. */
export const WRITABLE = 'a string, a Buffer or another view of bytes';

export const EMPTY_BYTES: Bytes = Buffer.alloc(0);

/** Allocates memory that is not zeroed, and not shared with other code. */
export function allocate(length: number): Bytes {
  return Buffer.allocUnsafeSlow(length);
}

/** Copies chunks into one. */
export function concat(chunks: readonly Uint8Array[]): Bytes {
  return Buffer.concat(chunks);
}

/** Returns the same memory as `Bytes`, without a copy. */
export function asBytes(bytes: Uint8Array): Bytes {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Returns the bytes of `data`: strings as UTF-8, views without a copy.
 *
 * @throws TypeError that names `what`, for any other type.
 */
export function toBytes(data: unknown, what: string): Bytes {
  if (typeof data === 'string') return Buffer.from(data);
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError(`expected ${what} to be ${WRITABLE}, got ${describeWithType(data)}`);
}
