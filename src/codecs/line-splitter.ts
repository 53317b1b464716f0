import type { IOStreamError } from '../errors.ts';
import { ByteBuffer } from '../protocol/byte-buffer.ts';
import type { Decoder } from './decoding.ts';
import { cutOff, malformed, overLimit } from './frame.ts';

export const LF = 0x0a;
export const CR = 0x0d;
const LOOSE = new TextDecoder('utf-8', { ignoreBOM: true });
const STRICT = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** What was found, and the error that comes behind it. */
interface Found<T> {
  readonly lines: readonly T[];
  readonly error?: IOStreamError | undefined;
}

/** Finds the lines of a run: lines that follow each other, all but the last with their `\n`. */
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

/** All at once: a call of the decoder for each line takes most of the time there is. */
export const loosely: Cut<string> = (run) => ({ lines: split(LOOSE.decode(run)) });

export const strictly: Cut<string> = (run) => {
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

/** The lines before the wrong one are found, however the bytes were cut. */
function oneByOne(run: Uint8Array): Found<string> {
  const lines: string[] = [];
  try {
    for (const line of asBytes(run).lines) lines.push(STRICT.decode(line));
  } catch {
    return { lines, error: malformed('expected a line of UTF-8, got other bytes') };
  }
  return { lines };
}

/** Lists, not generators: at some million lines a second each step between here and the subscriber shows. */
export class LineSplitter<T> implements Decoder<T> {
  readonly #maxLength: number;
  readonly #emitRest: boolean;
  readonly #cut: Cut<T>;
  /** A line that has begun. */
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

  /** In bytes that begin with a line. */
  #searchFresh(bytes: Uint8Array): Found<T> {
    const last = bytes.lastIndexOf(LF);
    const end = this.#fitting(bytes, last);
    const found = end < 0 ? { lines: [] } : this.#cut(bytes.subarray(0, end));
    if (found.error) return found;
    const error = end < last ? overLimit(this.#maxLength, bytes.indexOf(LF, end + 1) - end - 1) : this.#keep(bytes.subarray(last + 1));
    return { lines: found.lines, error };
  }

  /** Keeps the beginning of a line, and says if it is too long. */
  #keep(bytes: Uint8Array): IOStreamError | undefined {
    this.#rest.append(bytes);
    const { length } = this.#rest;
    // One more may be the `\r` of the end.
    const fits = length <= this.#maxLength || (length === this.#maxLength + 1 && this.#rest.view().at(-1) === CR);
    return fits ? undefined : overLimit(this.#maxLength, `the first ${length} of one`);
  }

  /**
   * Where the last `\n` is up to which all lines are short enough, -1 for none; `last` is the last of all. Looks from limit to
   * limit, not from line to line.
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
