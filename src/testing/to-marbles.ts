import { ownOptions } from '../wire/own-options.ts';
import { sameMark } from './marbles-compare.ts';
import { RESERVED, textOf, type LineName, type Mark, type Moment } from './marbles-diagram.ts';
import { draw, widthOf } from './marbles-draw.ts';
import { hex } from './marbles-hex.ts';
import { parseRecording, type RecordedEntry, type Recording } from './recording.ts';

/** How {@link toMarbles} draws. */
export interface ToMarblesOptions {
  /** What the plugin does within so many ms is drawn as done at once: real time is not as exact as virtual. @default 5 */
  readonly jitter?: number | undefined;
}

/** A diagram, to be spread into `marbles`. */
export interface Marbles {
  readonly diagram: string;
  readonly values: Readonly<Record<string, string | number>>;
  /** Both as source text, to be pasted into a test. */
  toString(): string;
}

const LINES = ['app', 'to wire', 'wire', 'to app'] as const;

/**
 * Draws a recording as a diagram that `marbles` reads: a failure in production becomes a test.
 *
 * ```text
 *   app:      ----h----
 *   to wire:  j---h----
 *   wire:     C--w---#ECONNRESET
 *   to app:   ---C---#ECONNRESET
 * ```
 *
 * A recording made `around` a plugin has all four lines; any other the two of the wire, and you add the application's. Times
 * are milliseconds; where several signals share one, or an answer came in the same, what follows is moved on to have room.
 * What the plugin did right after something is drawn with it; what its timers did stands where it was, in real time perhaps a
 * millisecond late. The same bytes have the same letter.
 *
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { passthrough } from 'rxjs-io-stream';
 * import { marbles, toMarbles } from 'rxjs-io-stream/testing';
 *
 * const drawn = toMarbles(readFileSync('failure.txt', 'utf8'));
 * console.log(String(drawn));
 * marbles({ plugin: passthrough(), ...drawn });
 * ```
 *
 * @param recording what `record` made, or its text.
 * @throws TypeError when the text is no recording, or has more different chunks than there are letters (some 7,000).
 */
export function toMarbles(recording: Recording | string, options: ToMarblesOptions = {}): Marbles {
  const { jitter = 5 } = ownOptions(options, 'toMarbles', ['jitter']);
  const { entries } = typeof recording === 'string' ? parseRecording(recording) : recording;
  const values = new Map<string, Mark>();
  const moments = new Map<LineName, Moment[]>(LINES.filter((line) => usesOf(entries, line)).map((line) => [line, []]));
  const marks = marksOf(entries).map((entry) => ({ ...entry, text: letterFor(entry.mark, entry.line, values) }));
  const end = place(marks, jitter, (line, moment) => moments.get(line)?.push(moment));
  const { rows } = draw(
    [...moments].map(([label, each]) => ({ label, moments: each })),
    end,
  );
  const shown = Object.fromEntries([...values].map(([letter, mark]) => [letter, valueOf(mark)]));
  const diagram = rows.join('\n');
  const toString = (): string => {
    const named = Object.entries(shown).map(([letter, value]) => `  ${letter}: ${JSON.stringify(value)},\n`);
    return `values: {\n${named.join('')}},\ndiagram: \`\n${diagram.replace(/^/gm, '  ')}\n\`,\n`;
  };
  return { diagram, values: shown, toString };
}

/** The two lines of the wire are always drawn. */
function usesOf(entries: readonly RecordedEntry[], line: LineName): boolean {
  return line === 'wire' || line === 'to wire' || entries.some((each) => each.line === 'app' || each.line === 'to app');
}

interface Marked {
  readonly at: number;
  readonly line: LineName;
  readonly mark: Mark;
}

function marksOf(entries: readonly RecordedEntry[]): Marked[] {
  const given = new Map<string, number>();
  let reset = false;
  return entries.flatMap(({ at, line, signal }): Marked[] => {
    const pair = line.replace('to ', '') === 'app' ? 'app' : 'wire';
    const { kind } = signal;
    if (kind === 'data' && (line === 'app' || line === 'to wire')) given.set(pair, (given.get(pair) ?? 0) + signal.bytes.length);
    // A wire whose flow errors errors by itself.
    if (kind === 'error' && line === 'wire' && reset) return [];
    if (kind === 'error' && line === 'to wire') reset = true;
    if (kind === 'error') return [{ at, line, mark: { kind, code: signal.code ?? (line === 'wire' ? 'EPROTOCOL' : undefined) } }];
    if (kind !== 'sent') return [{ at, line, mark: signal }];
    const left = (given.get(pair) ?? 0) - signal.bytes;
    given.set(pair, left);
    return [{ at, line, mark: { ...signal, all: left === 0 } }];
  });
}

/** Finds a frame for each; returns the first behind them. */
function place(marks: readonly (Marked & { text: string })[], jitter: number, put: (line: LineName, moment: Moment) => void): number {
  let frame = 0;
  let column = new Map<LineName, string[]>();
  /** When something last came in, from the wire or the application. */
  let cause = -Infinity;
  const width = (): number => Math.max(0, ...[...column.values()].map(widthOf));
  for (const { at, line, mark, text } of marks) {
    const input = line === 'app' || line === 'wire';
    const answered = column.has('to app') || column.has('to wire');
    const together = input ? at === cause && !answered && !(line === 'wire' && column.has('app')) : at - cause <= jitter;
    if (!together && column.size > 0) {
      frame = Math.max(Math.round(at), frame + width());
      column = new Map();
    } else if (!together) frame = Math.round(at);
    if (input) cause = at;
    column.set(line, [...(column.get(line) ?? []), text]);
    put(line, { frame, text, mark });
  }
  return frame + width() + 1;
}

/** The letter that stands for a mark: a new one for new bytes. */
function letterFor(mark: Mark, line: LineName, values: Map<string, Mark>): string {
  if ((mark.kind !== 'data' && mark.kind !== 'sent') || (mark.kind === 'sent' && mark.all)) return textOf(mark, line, values, sameMark);
  for (const [letter, known] of values) if (sameMark(known, mark)) return letter;
  const letter = letterNumber(values.size);
  values.set(letter, mark);
  return letter;
}

/** Letters in the order in which they are used up: a to z, A to Z, Latin with accents, then those that there are many of. */
const RANGES = [
  ['a', 'z'],
  ['A', 'Z'],
  ['\u0100', '\u024f'],
  ['\u3400', '\u4dbf'],
] as const;

function letterNumber(wanted: number): string {
  let number = wanted;
  for (const [first, last] of RANGES) {
    for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code += 1) {
      const letter = String.fromCharCode(code);
      if (RESERVED.includes(letter)) continue;
      if (number === 0) return letter;
      number -= 1;
    }
  }
  throw new TypeError(`expected \`recording\` to have no more than ${wanted} different chunks, it has more: give record a smaller limit`);
}

/** Text where it is text, else hex. */
function valueOf(mark: Mark): string | number {
  if (mark.kind === 'sent') return mark.bytes ?? 0;
  if (mark.kind !== 'data') return '';
  const text = new TextDecoder().decode(mark.bytes);
  return /^[\x20-\x7e\r\n\t]*$/.test(text) && !text.startsWith('0x') ? text : `0x${hex(mark.bytes)}`;
}
