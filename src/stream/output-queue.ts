import { reserve } from './slab.ts';

/** Chunks smaller than this are joined: one copy is cheaper than a vector entry of `writev`. */
const SMALL = 4096;
/** So many small chunks that wait are joined in the queue: each holds a hundred bytes besides its own, or a slab of somebody. */
const MANY = 1024;
/** What goes down in one signal at the most, in bytes. */
const PIECE = 256 * 1024;
/** An empty queue keeps room for so many chunks. */
const KEPT = 64;
const NOTHING = Buffer.alloc(0);

/**
 * What waits to be given down: `outBuf` and `outPos` of the manual, without joining what nobody looks at.
 *
 * Without `position`, what is given is removed from the front. With it, the content stays and the position moves.
 */
export class OutputQueue {
  /** What waits is from `#head` to `#tail`. Emptied, the array stays: a new one for each chunk of a bulk transfer is garbage. */
  #chunks: Buffer[] = [];
  #head = 0;
  #tail = 0;
  #bytes = 0;
  /** How many small chunks came last, and were not joined yet. */
  #small = 0;
  #position: number | undefined;
  /** Whether anybody ever got what waited, and may have it still. */
  shown = false;

  /** Bytes that wait. */
  get length(): number {
    return this.#position === undefined ? this.#bytes : Math.max(0, this.#bytes - this.#position);
  }

  get position(): number | undefined {
    return this.#position;
  }

  set position(position: number | undefined) {
    this.#position = position;
  }

  /** All of it as one, also what is before the position. */
  get content(): Buffer {
    if (this.#bytes > 0) this.shown = true;
    if (this.#tail - this.#head < 2) return this.#chunks[this.#head] ?? NOTHING;
    const joined = Buffer.concat(this.#chunks.slice(this.#head, this.#tail).filter(({ length }) => length > 0));
    if (joined.length === this.#bytes) this.content = joined; // Otherwise bytes are lost, and `next` reports it.
    return joined;
  }

  set content(bytes: Buffer) {
    this.#chunks = bytes.length > 0 ? [bytes] : [];
    this.#head = 0;
    this.#tail = this.#chunks.length;
    this.#bytes = bytes.length;
    this.#small = 0;
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#chunks[this.#tail] = bytes;
    this.#tail += 1;
    this.#bytes += bytes.length;
    if (bytes.length >= SMALL) this.#small = 0;
    else if ((this.#small += 1) === MANY) this.#gather();
  }

  /** Joins the small chunks at the tail, but for those that hold enough bytes to be worth their weight. */
  #gather(): void {
    const from = Math.max(this.#head, this.#tail - MANY);
    this.#small = 0;
    let length = 0;
    for (let at = from; at < this.#tail; at += 1) {
      const size = this.#chunks[at]!.length;
      if (size === 0) return; // Lost, and `next` reports it.
      length += size;
    }
    if (length >= PIECE) return;
    this.#chunks[from] = this.#copy(from, this.#tail, reserve(length));
    this.#chunks.length = this.#tail = from + 1;
  }

  /**
   * Takes the next piece to write. To be called only while `length` is not 0.
   *
   * @returns undefined when bytes are lost: their buffer was detached, or resized so that they lie outside, after they were
   * accepted. A Buffer has no length then; otherwise its length never changes.
   */
  next(): Buffer | undefined {
    const first = this.#position === undefined ? this.#chunks[this.#head]! : this.content;
    if (first.length === 0) return undefined;
    if (this.#position !== undefined) {
      const piece = first.subarray(this.#position, this.#position + PIECE);
      this.#position += piece.length;
      return piece;
    }
    const piece = first.length < SMALL ? this.#join() : this.#cut(first);
    this.#bytes -= piece.length;
    return piece;
  }

  /** As much of the chunk at the head as goes in one piece; it is given as it came if that is all, since a view would be garbage. */
  #cut(first: Buffer): Buffer {
    if (first.length > PIECE) {
      this.#chunks[this.#head] = first.subarray(PIECE);
      return first.subarray(0, PIECE);
    }
    this.#drop(1);
    return first;
  }

  /** The run of small chunks at the head, taken as one. */
  #join(): Buffer {
    const from = this.#head;
    let to = from;
    let length = 0;
    for (; to < this.#tail && length < PIECE - SMALL; to += 1) {
      const chunk = this.#chunks[to]!;
      if (chunk.length >= SMALL || chunk.length === 0) break;
      length += chunk.length;
    }
    const joined = to - from === 1 ? this.#chunks[from]! : this.#copy(from, to, reserve(length));
    this.#drop(to - from);
    return joined;
  }

  #copy(from: number, to: number, into: Buffer): Buffer {
    let at = 0;
    for (let i = from; i < to; i += 1) {
      const chunk = this.#chunks[i]!;
      into.set(chunk, at);
      at += chunk.length;
    }
    return into;
  }

  /** Lets go of chunks at the head; the queue may never be empty, and must not keep what has been given. */
  #drop(count: number): void {
    // Not by `fill`, which is slow for the one chunk that it mostly is.
    for (const end = this.#head + count; this.#head < end; this.#head += 1) this.#chunks[this.#head] = NOTHING;
    const left = this.#tail - this.#head;
    if (left > 0 && (this.#head < 1024 || this.#head < left)) return;
    if (left === 0) this.#small = 0;
    if (this.#tail > KEPT) this.#chunks = this.#chunks.slice(this.#head, this.#tail);
    this.#head = 0;
    this.#tail = left;
  }
}
