import type { IOStreamError } from '../errors.ts';
import { malformed } from './frame-errors.ts';

export const LF = 0x0a;
export const CR = 0x0d;
const LENIENT = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true });
const STRICT = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** The lines of a run, and the error after them. */
export interface FoundLines<T> {
  readonly lines: readonly T[];
  readonly error?: IOStreamError | undefined;
}

/** Splits a run into lines, and decodes them. A run is a sequence of lines, all but the last with their `\n`. */
export type LineFormat<T> = (run: Uint8Array) => FoundLines<T>;

export const asBytes: LineFormat<Uint8Array> = (run) => {
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
export const replaceInvalid: LineFormat<string> = (run) => ({ lines: split(LENIENT.decode(run)) });

export const rejectInvalid: LineFormat<string> = (run) => {
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
function oneByOne(run: Uint8Array): FoundLines<string> {
  const lines: string[] = [];
  try {
    for (const line of asBytes(run).lines) lines.push(STRICT.decode(line));
  } catch {
    return { lines, error: malformed('received a line that is not valid UTF-8') };
  }
  return { lines };
}
