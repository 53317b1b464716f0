import { END, PAUSE, RESUME, type EndSignal, type LayerDetails, type PauseSignal, type ResumeSignal } from '../../wire/signal.ts';
import { show } from '../bytes.ts';
import { readHex } from '../../util/hex.ts';

/** The four lines of a diagram: outbound signals above and below the plugin, then inbound signals below and above it. */
export type LineName = 'app' | 'to wire' | 'wire' | 'to app';

/** The signal of a symbol. `sent` without `bytes` counts all bytes written so far. */
export type Mark =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'sent'; readonly bytes?: number | undefined; readonly all?: boolean | undefined }
  | { readonly kind: 'error'; readonly code: string | undefined; readonly error?: unknown }
  | { readonly kind: 'connected'; readonly details?: readonly LayerDetails[] | undefined }
  | EndSignal
  | PauseSignal
  | ResumeSignal
  | { readonly kind: 'resolved' | 'complete' | 'subscribed' | 'unsubscribed' };

/** A mark and its frame; `text` is its symbol in the diagram. */
export interface Moment {
  readonly frame: number;
  readonly text: string;
  readonly mark: Mark;
}

/** One parsed line. `length` is the first frame after it. */
export interface Line {
  readonly moments: readonly Moment[];
  readonly length: number;
}

/** The value of a letter in a diagram; see `marbles`. */
export type MarbleValue = string | Uint8Array | number;

const BOTH: Readonly<Record<string, Mark>> = {
  E: END,
  T: { kind: 'end', truncated: true },
  P: PAUSE,
  U: RESUME,
  '|': { kind: 'complete' },
};
const UPWARD: Readonly<Record<string, Mark>> = { ...BOTH, C: { kind: 'connected' }, R: { kind: 'resolved' }, S: { kind: 'sent' } };
const DOWNWARD: Readonly<Record<string, Mark>> = { ...BOTH, '^': { kind: 'subscribed' }, '!': { kind: 'unsubscribed' } };
const SYMBOLS: Readonly<Record<LineName, Readonly<Record<string, Mark>>>> = {
  app: DOWNWARD,
  'to wire': DOWNWARD,
  wire: UPWARD,
  'to app': UPWARD,
};

/** The letters of signals; `values` must not define them. */
export const RESERVED = 'CEPRSTU';
const LETTER = /^[^\s\-()|#^!:]$/;
const TIME = /^(\d+(?:\.\d+)?)(ms|s|m)(?: |$)/;
const UNITS = { ms: 1, s: 1000, m: 60_000 };

/** Parses `values`: a string becomes `data`, a number becomes `sent` of that many bytes. */
export function readValues(values: Readonly<Record<string, MarbleValue>>): Map<string, Mark> {
  return new Map(
    Object.entries(values).map(([letter, value]): [string, Mark] => {
      if (!LETTER.test(letter) || RESERVED.includes(letter)) {
        throw new TypeError(`expected each name in \`values\` to be one letter other than ${RESERVED}, which are signals, got '${letter}'`);
      }
      return [letter, typeof value === 'number' ? { kind: 'sent', bytes: value } : { kind: 'data', bytes: bytesOf(value, letter) }];
    }),
  );
}

function bytesOf(value: unknown, letter: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') {
    throw new TypeError(`expected \`values.${letter}\` to be a string, a Uint8Array or a number of bytes sent, got ${String(value)}`);
  }
  if (!value.startsWith('0x')) return new TextEncoder().encode(value);
  const bytes = readHex(value.slice(2));
  if (!bytes) throw new TypeError(`expected \`values.${letter}\` to be pairs of hex digits after 0x, got '${value}'`);
  return bytes;
}

/** Parses a diagram: lines that begin with their name and a colon. */
export function readDiagram(text: string, values: ReadonlyMap<string, Mark>): Map<LineName, Line> {
  const lines = new Map<LineName, Line>();
  for (const row of text.split('\n')) {
    if (row.trim() === '') continue;
    const [, name, rest = ''] = /^\s*([^:]*?)\s*:(.*)$/.exec(row) ?? [];
    if (!isLine(name)) {
      throw new TypeError(`expected each line of \`diagram\` to begin with 'app:', 'to wire:', 'wire:' or 'to app:', got '${row.trim()}'`);
    }
    if (lines.has(name)) throw new TypeError(`expected '${name}:' to stand once in \`diagram\`, it stands there twice`);
    lines.set(name, readLine(name, rest.trim(), values));
  }
  return lines;
}

function isLine(name: string | undefined): name is LineName {
  return name !== undefined && Object.hasOwn(SYMBOLS, name);
}

/** Parses one line in the grammar of RxJS's run mode: `-`, `( )`, ` 10ms `, blanks. In addition, a code may follow `#`. */
function readLine(name: LineName, text: string, values: ReadonlyMap<string, Mark>): Line {
  const moments: Moment[] = [];
  let frame = 0;
  let group: number | undefined;
  let length = 0;
  const wrong = (at: number, expected: string): never => {
    throw new TypeError(`expected ${expected} at '${text.slice(at)}' of '${name}: ${text}' in \`diagram\``);
  };
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const symbol = text.charAt(at);
    const time = at === 0 || text.charAt(at - 1) === ' ' ? TIME.exec(rest) : null;
    if (time) {
      frame += Number(time[1]) * UNITS[time[2] as keyof typeof UNITS];
      at += time[0].length;
      length = frame;
      continue;
    }
    at += 1;
    if (/\s/.test(symbol)) continue;
    if (symbol === '(') group = group === undefined ? frame : wrong(at - 1, 'no group inside a group');
    else if (symbol === ')') group = group === undefined ? wrong(at - 1, "'(' before ')'") : undefined;
    else if (symbol !== '-') {
      const last = moments.at(-1)?.mark.kind;
      if (last === 'error' || last === 'unsubscribed' || (last === 'complete' && symbol !== '!')) wrong(at - 1, 'nothing more');
      const code = symbol === '#' ? (/^#(\w*)/.exec(rest)?.[1] ?? '') : '';
      if (symbol === '#' && code === '' && name === 'wire') wrong(at - 1, "a code behind '#', like #ECONNRESET,");
      at += code.length;
      const mark: Mark | undefined =
        symbol === '#' ? { kind: 'error', code: code || undefined } : (SYMBOLS[name][symbol] ?? markOf(symbol, values));
      if (!mark || (mark.kind === 'sent' && SYMBOLS[name] === DOWNWARD)) wrong(at - 1, `a symbol that '${name}' can carry`);
      else moments.push({ frame: group ?? frame, text: symbol + code, mark });
    }
    frame += 1;
    length = frame;
  }
  if (group !== undefined) wrong(text.length, "')'");
  return { moments, length };
}

/** Returns the mark of a letter; one without a value stands for itself. */
function markOf(letter: string, values: ReadonlyMap<string, Mark>): Mark | undefined {
  const known = values.get(letter);
  if (known || RESERVED.includes(letter) || !LETTER.test(letter)) return known;
  return { kind: 'data', bytes: new TextEncoder().encode(letter) };
}

/** Returns the symbol of a mark; '?' for bytes and counts without a letter. */
export function textOf(mark: Mark, name: LineName, values: ReadonlyMap<string, Mark>, same: (a: Mark, b: Mark) => boolean): string {
  if (mark.kind === 'error') return `#${mark.code ?? ''}`;
  if (mark.kind === 'sent' && mark.all) return 'S';
  for (const [letter, known] of values) if (same(known, mark)) return letter;
  for (const [symbol, known] of Object.entries(SYMBOLS[name])) {
    if (mark.kind !== 'sent' && mark.kind !== 'data' && same(known, mark)) return symbol;
  }
  const letter = mark.kind === 'data' ? new TextDecoder().decode(mark.bytes) : '';
  return !values.has(letter) && markOf(letter, values) ? letter : '?';
}

/** Describes a mark in words. */
export function wordsOf(mark: Mark): string {
  switch (mark.kind) {
    case 'data':
      return `data ${show(mark.bytes)}`;
    case 'sent':
      return `'sent' of ${mark.bytes ?? 'all the'} bytes`;
    case 'error':
      return `an error ${mark.code ?? 'without a code'}${mark.error instanceof Error ? ` ("${mark.error.message}")` : ''}`;
    case 'end':
      return mark.truncated ? "'end', truncated" : "'end'";
    case 'complete':
      return 'completion';
    case 'subscribed':
      return 'a subscription';
    case 'unsubscribed':
      return 'an unsubscription';
    default:
      return `'${mark.kind}'`;
  }
}
