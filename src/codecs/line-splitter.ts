import type { IOStreamError } from '../errors.ts';
import { ByteBuffer } from '../protocol/byte-buffer.ts';
import type { Decoder } from './decoding.ts';
import { cutOff, malformed, overLimit } from './frame.ts';

export const LF = 0x0a;
export const CR = 0x0d;
const LENIENT = new TextDecoder('utf-8', { ignoreBOM: true });
const STRICT = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** The lines found, and the error after them. */
interface Found<T> {
  readonly lines: readonly T[];
  readonly error?: IOStreamError | undefined;
}

/** Splits a run into lines. A run is a sequence of lines, all but the last with their `\n`. */
export type Cut<T> = (run: Uint8Array) => Found<T>;

export const asBytes: Cut<Uint8Array> = (run) => {
  const lines: Uint8Array[] = [];
  for (let from = 0; from <= run.length;) {
    const at = run.indexOf(LF, from);
    const to = at < 0 ? run.length : at;
    lines.push(run.subarray(from, to > from && run[to - 1] === CR ? to - 1 : to));
    from = to + 1;
  }
  return { lines };
};

/** Decodes the whole run at once: calling the decoder for each line would take most of the time. */
export const replaceInvalid: Cut<string> = (run) => ({ lines: split(LENIENT.decode(run)) });

export const rejectInvalid: Cut<string> = (run) => {
  try {
    return { lines: split(STRICT.decode(run)) };
  } catch {
    return oneByOne(run);
  }
};

function split(text: string): string[] {
  const lines = text.split('\n');
  return text.includes('\r') ? lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line)) : lines;
}

/** Decodes line by line, so that all lines before an invalid one are emitted, for any chunk boundaries. */
function oneByOne(run: Uint8Array): Found<string> {
  const lines: string[] = [];
  try {
    for (const line of asBytes(run).lines) lines.push(STRICT.decode(line));
  } catch {
    return { lines, error: malformed('expected a line of UTF-8, got other bytes') };
  }
  return { lines };
}

/** Splits chunks into lines. Uses arrays instead of generators: at millions of lines a second, each iterator step is measurable. */
export class LineSplitter<T> implements Decoder<T> {
  readonly #maxLength: number;
  readonly #emitRest: boolean;
  readonly #cut: Cut<T>;
  /** The start of an incomplete line. */
  readonly #rest = new ByteBuffer();

  constructor(maxLength: number, emitRest: boolean, cut: Cut<T>) {
    this.#maxLength = maxLength;
    this.#emitRest = emitRest;
    this.#cut = cut;
  }

  push(chunk: Uint8Array): Iterable<T> {
    return given(this.#search(chunk));
  }

  finish(): Iterable<T> {
    const rest = this.#rest.take(this.#rest.length);
    if (rest.length === 0) return [];
    return given(this.#emitRest ? this.#cut(rest) : { lines: [], error: cutOff(rest.length) });
  }

  #search(chunk: Uint8Array): Found<T> {
    if (this.#rest.length === 0) return this.#searchFresh(chunk);
    const end = chunk.indexOf(LF);
    const error = this.#keep(end < 0 ? chunk : chunk.subarray(0, end));
    if (error || end < 0) return { lines: [], error };
    const head = this.#cut(this.#rest.take(this.#rest.length));
    if (head.error) return head;
    const more = this.#searchFresh(chunk.subarray(end + 1));
    return { lines: head.lines.concat(more.lines), error: more.error };
  }

  /** Searches bytes that start at the beginning of a line. */
  #searchFresh(bytes: Uint8Array): Found<T> {
    const last = bytes.lastIndexOf(LF);
    const end = this.#fitting(bytes, last);
    const found = end < 0 ? { lines: [] } : this.#cut(bytes.subarray(0, end));
    if (found.error) return found;
    const error = end < last ? overLimit(this.#maxLength, bytes.indexOf(LF, end + 1) - end - 1) : this.#keep(bytes.subarray(last + 1));
    return { lines: found.lines, error };
  }

  /** Buffers the start of a line. Returns an error if it is too long. */
  #keep(bytes: Uint8Array): IOStreamError | undefined {
    this.#rest.append(bytes);
    const { length } = this.#rest;
    // One more byte is allowed if it is `\r`, which may belong to the line end.
    const fits = length <= this.#maxLength || (length === this.#maxLength + 1 && this.#rest.view().at(-1) === CR);
    return fits ? undefined : overLimit(this.#maxLength, `the first ${length} of one`);
  }

  /**
   * Finds the last `\n` before which no line exceeds the limit. Returns -1 if there is none. Steps from limit to limit, not from
   * line to line. `last` is the index of the last `\n`.
   */
  #fitting(bytes: Uint8Array, last: number): number {
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

function given<T>({ lines, error }: Found<T>): Iterable<T> {
  return error ? failing(lines, error) : lines;
}

function* failing<T>(lines: readonly T[], error: IOStreamError): Generator<T, void> {
  yield* lines;
  throw error;
}
