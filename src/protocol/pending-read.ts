import { EMPTY_BYTES } from '../util/empty-bytes.ts';
import { utf8 } from '../util/utf8.ts';
import { needCount, needUntil, type BytesNeed, type Need, type Talk } from './need.ts';

/** Where a read takes its bytes from. */
export interface ByteSource {
  /** Removes and returns the bytes that satisfy the need. Returns undefined if they have not arrived, or exceed a limit. */
  take(need: BytesNeed): Uint8Array | undefined;
}

/**
 * Delegate of a `yield*` for bytes. Returns the bytes at once if they have arrived. Otherwise yields the need, and resumes with the
 * bytes.
 *
 * Written as a class: a generator for each read, suspended each time, took half of the time of short messages.
 */
class PendingRead implements IterableIterator<Need, Uint8Array, Uint8Array> {
  readonly #need: BytesNeed;
  readonly #source: ByteSource;
  #hasYielded = false;

  constructor(need: BytesNeed, source: ByteSource) {
    this.#need = need;
    this.#source = source;
  }

  next(received?: Uint8Array): IteratorResult<Need, Uint8Array> {
    const bytes = this.#hasYielded ? received : this.#source.take(this.#need);
    this.#hasYielded = true;
    return bytes ? { done: true, value: bytes } : { done: false, value: this.#need };
  }

  return(value: Uint8Array): IteratorResult<Need, Uint8Array> {
    return { done: true, value };
  }

  throw(error: unknown): IteratorResult<Need, Uint8Array> {
    throw error;
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/** Reads that many bytes, for `yield*`. */
export function readCount(count: number, source: ByteSource): Talk<Uint8Array> {
  return delegate(new PendingRead(needCount(count), source));
}

/** Reads up to and including the delimiter, for `yield*`. See `Link.readUntil`. */
export function readUntil(delimiter: Uint8Array | string, limit: number, source: ByteSource, whole?: number): Talk<Uint8Array> {
  return delegate(new PendingRead(needUntil(typeof delimiter === 'string' ? encoded(delimiter) : delimiter, limit, whole), source));
}

/** A generator has helpers such as `map` where the library of the compiler is newer than ours; `yield*` calls none of them. */
function delegate(read: IterableIterator<Need, Uint8Array, Uint8Array>): Talk<Uint8Array> {
  return read as Talk<Uint8Array>;
}

let lastText = '';
let lastBytes: Uint8Array = EMPTY_BYTES;

/** Encodes a delimiter. Caches the last one, because a line protocol uses the same delimiter each time. */
function encoded(delimiter: string): Uint8Array {
  if (delimiter !== lastText) {
    lastBytes = utf8(delimiter);
    lastText = delimiter;
  }
  return lastBytes;
}
