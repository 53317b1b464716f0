import { sameMark } from '../marbles/compare.ts';
import { draw, widthOf } from '../marbles/draw.ts';
import type { LineName, Mark, Moment } from '../marbles/mark.ts';
import { textOf } from '../marbles/symbols.ts';
import { RESERVED } from '../marbles/values.ts';
import { hex } from '../../util/hex.ts';
import { ownOptions } from '../../util/own-options.ts';
import { parseRecording } from './parse-recording.ts';
import type { RecordedEntry, Recording } from './recording.ts';

/** The options of {@link toMarbles}. */
export interface ToMarblesOptions {
  /** Draw reactions of the plugin within this many ms as immediate, because real time is less exact than virtual time. @default 5 */
  readonly jitter?: number | undefined;
}

/** A diagram and its values, to spread into the argument of `marbles`. */
export interface Marbles {
  /** The lines, as `marbles` reads them. */
  readonly diagram: string;
  /** The bytes of each letter, as text or hex, and the number of bytes of each `sent`. */
  readonly values: Readonly<Record<string, string | number>>;
  /** Returns both as source text to paste into a test. */
  toString(): string;
}

const LINES = ['app', 'to wire', 'wire', 'to app'] as const;

/**
 * Draws a recording as a diagram for `marbles`, so that a failure in production becomes a test.
 *
 * ```text
 *   app:      ----h----
 *   to wire:  j---h----
 *   wire:     C--w---#ECONNRESET
 *   to app:   ---C---#ECONNRESET
 * ```
 *
 * - A recording made `around` a plugin has all four lines. Any other has the two lines of the wire, and you add the application's.
 * - A character is 1 ms. Several signals in one millisecond take more characters, and shift the signals after them.
 * - An immediate reaction of the plugin is drawn in the frame of its cause. A reaction after a timer is drawn at its recorded time, which
 *   may be about a millisecond late.
 * - Equal bytes have the same letter.
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
 * @param recording a recording made by `record`, or its text.
 * @param options the tolerance for real time.
 * @returns the diagram and the values of its letters.
 * @throws TypeError if the text is not a recording, or has more distinct chunks than there are letters (about 7,000).
 * @see {@link record}, {@link marbles}, {@link replay}.
 */
export function toMarbles(recording: Recording | string, options: ToMarblesOptions = {}): Marbles {
  const { jitter = 5 } = ownOptions(options, 'toMarbles', ['jitter']);
  const { entries } = typeof recording === 'string' ? parseRecording(recording) : recording;
  const values = new Map<string, Mark>();
  const moments = new Map<LineName, Moment[]>(LINES.filter((line) => usesOf(entries, line)).map((line) => [line, []]));
  const marks = marksOf(entries).map((entry) => ({ ...entry, text: letterFor(entry.mark, entry.line, values) }));
  const end = placeAll(marks, jitter, (line, moment) => moments.get(line)?.push(moment));
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

/** Whether to draw a line: the lines of the wire always, those of the application if the recording has any. */
function usesOf(entries: readonly RecordedEntry[], line: LineName): boolean {
  return line === 'wire' || line === 'to wire' || entries.some((each) => each.line === 'app' || each.line === 'to app');
}

interface Marked {
  readonly at: number;
  readonly line: LineName;
  readonly mark: Mark;
}

function marksOf(entries: readonly RecordedEntry[]): Marked[] {
  const unsent = new Map<string, number>();
  let reset = false;
  return entries.flatMap(({ at, line, signal }): Marked[] => {
    const pair = line.replace('to ', '') === 'app' ? 'app' : 'wire';
    const { kind } = signal;
    if (kind === 'data' && (line === 'app' || line === 'to wire')) unsent.set(pair, (unsent.get(pair) ?? 0) + signal.bytes.length);
    // `marbles` itself makes the wire error after its flow has errored.
    if (kind === 'error' && line === 'wire' && reset) return [];
    if (kind === 'error' && line === 'to wire') reset = true;
    if (kind === 'error') return [{ at, line, mark: { kind, code: signal.code ?? (line === 'wire' ? 'EPROTOCOL' : undefined) } }];
    if (kind !== 'sent') return [{ at, line, mark: signal }];
    const remaining = (unsent.get(pair) ?? 0) - signal.bytes;
    unsent.set(pair, remaining);
    return [{ at, line, mark: { ...signal, all: remaining === 0 } }];
  });
}

/** Assigns a frame to each mark; returns the first frame after all of them. */
function placeAll(marks: readonly (Marked & { text: string })[], jitter: number, add: (line: LineName, moment: Moment) => void): number {
  let frame = 0;
  let column = new Map<LineName, string[]>();
  /** Time of the last input from the wire or the application. */
  let cause = -Infinity;
  const width = (): number => Math.max(0, ...[...column.values()].map(widthOf));
  for (const { at, line, mark, text } of marks) {
    const isInput = line === 'app' || line === 'wire';
    const isAnswered = column.has('to app') || column.has('to wire');
    const isSameFrame = isInput ? at === cause && !isAnswered && !(line === 'wire' && column.has('app')) : at - cause <= jitter;
    if (!isSameFrame && column.size > 0) {
      frame = Math.max(Math.round(at), frame + width());
      column = new Map();
    } else if (!isSameFrame) frame = Math.round(at);
    if (isInput) cause = at;
    column.set(line, [...(column.get(line) ?? []), text]);
    add(line, { frame, text, mark });
  }
  return frame + width() + 1;
}

/** Returns the letter of a mark; assigns a new one to new bytes. */
function letterFor(mark: Mark, line: LineName, values: Map<string, Mark>): string {
  if ((mark.kind !== 'data' && mark.kind !== 'sent') || (mark.kind === 'sent' && mark.all)) return textOf(mark, line, values, sameMark);
  for (const [letter, known] of values) if (sameMark(known, mark)) return letter;
  const letter = letterNumber(values.size);
  values.set(letter, mark);
  return letter;
}

/** Letters in order of use: a to z, A to Z, accented Latin, then a large CJK block. */
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

/** Returns printable ASCII as text, other bytes as hex. */
function valueOf(mark: Mark): string | number {
  if (mark.kind === 'sent') return mark.bytes ?? 0;
  if (mark.kind !== 'data') return '';
  const text = new TextDecoder().decode(mark.bytes);
  return /^[\x20-\x7e\r\n\t]*$/.test(text) && !text.startsWith('0x') ? text : `0x${hex(mark.bytes)}`;
}
