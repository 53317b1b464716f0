import type { IOStreamError } from '../errors.ts';
import { ByteBuffer } from '../protocol/byte-buffer.ts';
import type { Decoder } from './decoder.ts';
import { receivedTooLong, truncated } from './frame-errors.ts';
import { CR, LF, type FoundLines, type LineFormat } from './line-format.ts';

/** Splits chunks into lines. Uses arrays instead of generators: at millions of lines a second, each iterator step is measurable. */
export class LineSplitter<T> implements Decoder<T> {
  readonly #maxLength: number;
  readonly #emitRest: boolean;
  readonly #format: LineFormat<T>;
  /** The start of an incomplete line. */
  readonly #rest = new ByteBuffer();

  constructor(maxLength: number, emitRest: boolean, format: LineFormat<T>) {
    this.#maxLength = maxLength;
    this.#emitRest = emitRest;
    this.#format = format;
  }

  push(chunk: Uint8Array): Iterable<T> {
    return inOrder(this.#search(chunk));
  }

  finish(): Iterable<T> {
    const rest = this.#rest.take(this.#rest.length);
    if (rest.length === 0) return [];
    return inOrder(this.#emitRest ? this.#format(rest) : { lines: [], error: truncated(rest.length) });
  }

  #search(chunk: Uint8Array): FoundLines<T> {
    if (this.#rest.length === 0) return this.#searchFresh(chunk);
    const end = chunk.indexOf(LF);
    const error = this.#buffer(end < 0 ? chunk : chunk.subarray(0, end));
    if (error || end < 0) return { lines: [], error };
    const head = this.#format(this.#rest.take(this.#rest.length));
    if (head.error) return head;
    const more = this.#searchFresh(chunk.subarray(end + 1));
    return { lines: head.lines.concat(more.lines), error: more.error };
  }

  /** Searches bytes that start at the beginning of a line. */
  #searchFresh(bytes: Uint8Array): FoundLines<T> {
    const last = bytes.lastIndexOf(LF);
    const end = this.#lastFitting(bytes, last);
    const found = end < 0 ? { lines: [] } : this.#format(bytes.subarray(0, end));
    if (found.error) return found;
    const error =
      end < last ? receivedTooLong(this.#maxLength, bytes.indexOf(LF, end + 1) - end - 1) : this.#buffer(bytes.subarray(last + 1));
    return { lines: found.lines, error };
  }

  /** Buffers the start of a line. Returns an error if it is too long. */
  #buffer(bytes: Uint8Array): IOStreamError | undefined {
    this.#rest.append(bytes);
    const { length } = this.#rest;
    // One more byte is allowed if it is `\r`, which may belong to the line end.
    const fits = length <= this.#maxLength || (length === this.#maxLength + 1 && this.#rest.view().at(-1) === CR);
    return fits ? undefined : receivedTooLong(this.#maxLength, `${length} or more`);
  }

  /**
   * Finds the last `\n` before which no line exceeds the limit. Returns -1 if there is none. Steps from limit to limit, not from
   * line to line. `last` is the index of the last `\n`.
   */
  #lastFitting(bytes: Uint8Array, last: number): number {
    let start = 0;
    while (last - start > this.#maxLength) {
      const edge = start + this.#maxLength + 1;
      const end = bytes.lastIndexOf(LF, bytes[edge] === LF && bytes[edge - 1] === CR ? edge : edge - 1);
      if (end < start) return start - 1;
      start = end + 1;
    }
    return last;
  }
}

function inOrder<T>({ lines, error }: FoundLines<T>): Iterable<T> {
  return error ? throwingAfter(lines, error) : lines;
}

function* throwingAfter<T>(lines: readonly T[], error: IOStreamError): Generator<T, void> {
  yield* lines;
  throw error;
}
