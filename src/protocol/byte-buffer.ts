const NOTHING = new Uint8Array(0);
const LEAST = 256;

/**
 * A buffer that grows at the end and is read from the start.
 *
 * Appending is amortised O(1) per byte; looking and taking copy nothing. Memory once shown is never written again: a view
 * stays what it was when it was taken. What is kept is bounded by the bytes in it, not by their number of chunks: at most four
 * times the bytes, however small the chunks were, whatever slabs they were cut from and however much was taken since.
 */
export class ByteBuffer {
  #memory: Uint8Array = NOTHING;
  #start = 0;
  #end = 0;
  /** Whether the memory is ours to write behind the end, or a chunk somebody gave us. */
  #owned = false;
  /** Whether all of it is one chunk that nobody has looked at. */
  #unseen = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** The bytes, without taking them. A view: not to be changed. */
  view(): Uint8Array {
    this.#unseen = false;
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** The bytes, if they are one chunk that was appended as unseen, and nobody has looked at them here. */
  get unseen(): Uint8Array | undefined {
    return this.#unseen && this.#start === 0 ? this.#memory : undefined;
  }

  /** Where `wanted` lies whole between the positions `from` and `to`, or -1. Makes no view: it is asked for each chunk. */
  indexOf(wanted: Uint8Array, from: number, to: number): number {
    const memory = this.#memory;
    for (let at = this.#start + from; at + wanted.length <= this.#start + to; at += 1) {
      let same = 0;
      while (same < wanted.length && memory[at + same] === wanted[same]) same += 1;
      if (same === wanted.length) return at - this.#start;
    }
    return -1;
  }

  /** @param unseen whether nobody else has or will have these bytes. */
  append(bytes: Uint8Array, unseen = false): void {
    if (bytes.length === 0) return;
    // Adopted as it is, unless it would pin a slab much larger than itself.
    if (this.length === 0 && bytes.length * 2 >= bytes.buffer.byteLength) {
      this.assign(bytes);
      this.#unseen = unseen;
      return;
    }
    this.#reserve(bytes.length);
    this.#memory.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Replaces the content. The bytes are kept as they are, without a copy. */
  assign(bytes: Uint8Array): void {
    this.#memory = bytes;
    this.#start = 0;
    this.#end = bytes.length;
    this.#owned = false;
    this.#unseen = false;
  }

  /** Removes and returns the first `count` bytes, or all there are if they are fewer. */
  take(count: number): Uint8Array {
    const end = Math.min(this.#start + count, this.#end);
    // A chunk that is taken as it came needs no view of it: on bulk these views are a third of all garbage.
    const isWhole = this.#start === 0 && end === this.#memory.length;
    const taken = isWhole ? this.#memory : this.#memory.subarray(this.#start, end);
    this.#start = end;
    if (this.length === 0) this.assign(NOTHING);
    else if (this.length * 4 < this.#memory.length) this.#move(2 * this.length);
    return taken;
  }

  #reserve(more: number): void {
    if (this.#owned && this.#end + more <= this.#memory.length) return;
    this.#move(2 * (this.length + more));
  }

  /** To fresh memory: views of the old one live on. */
  #move(size: number): void {
    const fresh = new Uint8Array(Math.max(size, LEAST));
    fresh.set(this.view());
    this.#end = this.length;
    this.#start = 0;
    this.#memory = fresh;
    this.#owned = true;
    this.#unseen = false;
  }
}
