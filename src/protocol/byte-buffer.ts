import { EMPTY_BYTES } from '../util/empty-bytes.ts';

const MIN_CAPACITY = 256;

/**
 * A byte buffer that grows at the end and is read from the start.
 *
 * Appending is amortised O(1) per byte. `view` and `take` do not copy. Memory that was exposed by either is never written again, so a
 * view does not change. Memory use depends on the number of buffered bytes, not on the number of chunks. It is at most four times the
 * buffered bytes, whatever the sizes of the chunks and of their backing buffers; after `appendBriefly`, from `compact` on.
 */
export class ByteBuffer {
  #memory: Uint8Array = EMPTY_BYTES;
  #start = 0;
  #end = 0;
  /** Whether this buffer allocated the memory and may append to it, as opposed to an adopted chunk of a caller. */
  #isOwned = false;
  /** Whether the content is a single chunk that no other code can see. */
  #isExclusive = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Returns a view of the buffered bytes without consuming them. Do not modify it. */
  view(): Uint8Array {
    this.#isExclusive = false;
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** The buffered bytes, if they are a single chunk that was appended as unseen and has not been exposed since. */
  get exclusiveChunk(): Uint8Array | undefined {
    return this.#isExclusive && this.#start === 0 ? this.#memory : undefined;
  }

  append(bytes: Uint8Array): void {
    // Adopted without a copy, unless that would retain a much larger backing buffer.
    if (this.length > 0 || bytes.length * 2 >= bytes.buffer.byteLength) this.appendBriefly(bytes);
    else if (bytes.length > 0) this.#copy(bytes);
  }

  /**
   * Appends bytes that are likely to be taken at once: without a copy if the buffer is empty, whatever the size of their backing
   * buffer. Small chunks then need no allocation. Call `compact` when the readers have taken what they need.
   *
   * @param unseen whether no other code has, or will have, a reference to these bytes.
   */
  appendBriefly(bytes: Uint8Array, unseen = false): void {
    if (bytes.length === 0) return;
    if (this.length > 0) this.#copy(bytes);
    else {
      this.assign(bytes);
      this.#isExclusive = unseen;
    }
  }

  /** Copies the remaining bytes if they would retain a much larger backing buffer. */
  compact(): void {
    if (!this.#isOwned && this.length > 0 && this.#memory.length * 2 < this.#memory.buffer.byteLength) this.#move(2 * this.length);
  }

  /** Replaces the content. Adopts the bytes without a copy. */
  assign(bytes: Uint8Array): void {
    this.#memory = bytes;
    this.#start = 0;
    this.#end = bytes.length;
    this.#isOwned = false;
    this.#isExclusive = false;
  }

  /** Removes and returns the first `count` bytes, or all bytes if there are fewer. */
  take(count: number): Uint8Array {
    const end = Math.min(this.#start + count, this.#end);
    // A whole chunk is returned without creating a view: in bulk transfers such views are a third of all garbage.
    const isWhole = this.#start === 0 && end === this.#memory.length;
    const taken = isWhole ? this.#memory : this.#memory.subarray(this.#start, end);
    this.#start = end;
    if (this.length === 0) this.assign(EMPTY_BYTES);
    else if (this.length * 4 < this.#memory.length) this.#move(2 * this.length);
    return taken;
  }

  #copy(bytes: Uint8Array): void {
    if (!this.#isOwned || this.#end + bytes.length > this.#memory.length) this.#move(2 * (this.length + bytes.length));
    this.#memory.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Copies to a new allocation. Existing views keep the old memory. */
  #move(size: number): void {
    const { length } = this;
    const fresh = new Uint8Array(Math.max(size, MIN_CAPACITY));
    fresh.set(this.view());
    this.assign(fresh);
    this.#end = length;
    this.#isOwned = true;
  }
}

/** Adds bytes before the others. Copies all. No method: a bundler leaves it out where it is not used. */
export function prepend(buffer: ByteBuffer, bytes: Uint8Array): void {
  const rest = buffer.take(buffer.length);
  buffer.append(bytes);
  buffer.append(rest);
}
