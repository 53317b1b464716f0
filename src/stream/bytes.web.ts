import { concatBytes } from '../util/concat-bytes.ts';
import { describeWithType } from '../util/describe.ts';
import { EMPTY_BYTES as EMPTY } from '../util/empty-bytes.ts';
import { plainView } from '../util/plain-view.ts';
import { utf8 } from '../util/utf8.ts';

/** The class of the bytes that a stream emits: `Uint8Array`; `Buffer` in the entry point for Node. */
export type Bytes = Uint8Array;

/** The data that can be written: a string (as UTF-8) or a view of bytes. */
export type Writable = string | ArrayBufferView;

/** Names what {@link toBytes} accepts, for messages. */
export const WRITABLE = 'a string, a Uint8Array or another view of bytes';

export const EMPTY_BYTES: Bytes = EMPTY;

/** Allocates memory that is not shared with other code. */
export function allocate(length: number): Bytes {
  return new Uint8Array(length);
}

/** Copies chunks into one. */
export const concat: (chunks: readonly Uint8Array[]) => Bytes = concatBytes;

/** Returns the same memory as `Bytes`, without a copy. A subclass, or the class of another frame, gives a view. */
export const asBytes: (bytes: ArrayBufferView) => Bytes = plainView;

/**
 * Returns the bytes of `data`: strings as UTF-8, views without a copy.
 *
 * @throws TypeError that names `what`, for any other type.
 */
export function toBytes(data: unknown, what: string): Bytes {
  if (typeof data === 'string') return utf8(data);
  if (ArrayBuffer.isView(data)) return asBytes(data);
  throw new TypeError(`expected ${what} to be ${WRITABLE}, got ${describeWithType(data)}`);
}
