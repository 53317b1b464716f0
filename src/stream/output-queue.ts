import { ByteJoiner } from './byte-joiner.ts';
import { concat, EMPTY_BYTES as EMPTY, type Bytes } from './bytes.ts';
import { reserve } from './slab.ts';

/** Chunks smaller than this are joined: one copy is cheaper than a vector entry of `writev`. */
const SMALL = 4096;
/** After this many small chunks, they are joined in the queue: each costs 100 bytes of overhead, or retains a shared slab. */
const MAX_JOINED = 1024;
/** Maximum bytes of one outbound signal. */
const MAX_PIECE = 256 * 1024;
/** Maximum length of the array that an empty queue retains. */
const MAX_KEPT = 64;

/**
 * Holds the queued bytes: `outBuf` and `outPos` of the manual. Joins all chunks only when `content` is read.
 *
 * Without `position`, written bytes are removed from the front. With it, the content stays and the position advances.
 */
export class OutputQueue {
  /** Queued chunks, from `#head` to `#tail`. The array is reused when empty: a new one for each chunk would be garbage. */
  #chunks: Bytes[] = [];
  #head = 0;
  #tail = 0;
  #bytes = 0;
  /** Number of small chunks at the tail that are not joined yet. */
  #small = 0;
  /** Where the next bytes are written from. Undefined: from the front, and written bytes are removed. */
  position: number | undefined;
  /** Created when `content` joins chunks; released with them. */
  #joiner: ByteJoiner | undefined;
  /** Whether `content` was ever read: the caller may still hold the bytes. */
  exposed = false;

  /** Number of queued bytes. */
  get length(): number {
    return this.position === undefined ? this.#bytes : Math.max(0, this.#bytes - this.position);
  }

  /** All bytes in one Buffer, including those before the position. */
  get content(): Bytes {
    if (this.#bytes > 0) this.exposed = true;
    if (this.#tail - this.#head < 2) return this.#chunks[this.#head] ?? EMPTY;
    const chunks = this.#chunks.slice(this.#head, this.#tail).filter(({ length }) => length > 0);
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length !== this.#bytes) return concat(chunks); // Bytes are lost, and `next` reports it.
    return (this.content = (this.#joiner ??= new ByteJoiner()).join(chunks, length));
  }

  set content(bytes: Bytes) {
    if (bytes.length === 0 || this.#joiner?.owns(bytes) === false) this.#joiner = undefined;
    this.#chunks = bytes.length > 0 ? [bytes] : [];
    this.#head = 0;
    this.#tail = this.#chunks.length;
    this.#bytes = bytes.length;
    this.#small = 0;
  }

  push(bytes: Bytes): void {
    if (bytes.length === 0) return;
    this.#chunks[this.#tail] = bytes;
    this.#tail += 1;
    this.#bytes += bytes.length;
    if (bytes.length >= SMALL) this.#small = 0;
    else if ((this.#small += 1) === MAX_JOINED) this.#gather();
  }

  /** Joins the small chunks at the tail, unless together they fill a whole piece: then their overhead is small. */
  #gather(): void {
    const from = Math.max(this.#head, this.#tail - MAX_JOINED);
    this.#small = 0;
    let length = 0;
    for (let at = from; at < this.#tail; at += 1) {
      const size = this.#chunks[at]!.length;
      if (size === 0) return; // Its bytes are lost; `next` reports it.
      length += size;
    }
    if (length >= MAX_PIECE) return;
    this.#chunks[from] = this.#copy(from, this.#tail, reserve(length));
    this.#chunks.length = this.#tail = from + 1;
  }

  /**
   * Removes and returns the next piece to write. Call it only while `length` is not 0.
   *
   * @returns `undefined` if bytes are lost: after they were accepted, their ArrayBuffer was detached, or shrunk below them. The
   *   length of the Buffer is then 0; it never changes otherwise.
   */
  next(): Bytes | undefined {
    const first = this.position === undefined ? this.#chunks[this.#head]! : this.content;
    if (first.length === 0) return undefined;
    if (this.position !== undefined) {
      const piece = first.subarray(this.position, this.position + MAX_PIECE);
      this.position += piece.length;
      return piece;
    }
    const piece = first.length < SMALL ? this.#join() : this.#cut(first);
    this.#bytes -= piece.length;
    return piece;
  }

  /** Removes at most one piece from the chunk at the head. Returns a whole chunk as it is: a view of it would be garbage. */
  #cut(first: Bytes): Bytes {
    if (first.length > MAX_PIECE) {
      this.#chunks[this.#head] = first.subarray(MAX_PIECE);
      return first.subarray(0, MAX_PIECE);
    }
    this.#drop(1);
    return first;
  }

  /** Removes the small chunks at the head and joins them. */
  #join(): Bytes {
    const from = this.#head;
    let to = from;
    let length = 0;
    for (; to < this.#tail && length < MAX_PIECE - SMALL; to += 1) {
      const chunk = this.#chunks[to]!;
      if (chunk.length >= SMALL || chunk.length === 0) break;
      length += chunk.length;
    }
    const joined = to - from === 1 ? this.#chunks[from]! : this.#copy(from, to, reserve(length));
    this.#drop(to - from);
    return joined;
  }

  #copy(from: number, to: number, into: Bytes): Bytes {
    let at = 0;
    for (let i = from; i < to; i += 1) {
      const chunk = this.#chunks[i]!;
      into.set(chunk, at);
      at += chunk.length;
    }
    return into;
  }

  /** Removes chunks at the head, and their references: a queue that never becomes empty must not retain written bytes. */
  #drop(count: number): void {
    // A loop: `fill` is slow for a single chunk, the usual case.
    for (const end = this.#head + count; this.#head < end; this.#head += 1) this.#chunks[this.#head] = EMPTY;
    const left = this.#tail - this.#head;
    if (left > 0 && (this.#head < 1024 || this.#head < left)) return;
    if (left === 0) {
      this.#small = 0;
      this.#joiner = undefined;
    }
    if (this.#tail > MAX_KEPT) this.#chunks = this.#chunks.slice(this.#head, this.#tail);
    this.#head = 0;
    this.#tail = left;
  }
}
