import type { Phase } from '../errors.ts';
import { END, PAUSE, RESUME, type LayerDetails, type Up } from '../wire/signal.ts';
import type { LineName } from './marbles-diagram.ts';
import { hex, printable, readHex } from './marbles-hex.ts';

/** What was written down: a signal, or how it ended. */
export type RecordedSignal =
  | Up
  | { readonly kind: 'complete' }
  | { readonly kind: 'unsubscribed' }
  | {
      readonly kind: 'error';
      readonly code: string | undefined;
      readonly errno: number;
      readonly phase: Phase | undefined;
      readonly message: string;
    };

/** One signal, where it passed and when. */
export interface RecordedEntry {
  /** Milliseconds since the connection was subscribed. */
  readonly at: number;
  /** As in `marbles`: `to wire` and `wire` are below; with `around`, `app` and `to app` above. */
  readonly line: LineName;
  readonly signal: RecordedSignal;
}

/** One connection, written down; see `record`. */
export interface Recording {
  /** In the order in which they passed. */
  readonly entries: readonly RecordedEntry[];
  /** The limit was reached: after the last entry but the end something is missing. */
  readonly cut: boolean;
  /** The text that {@link parseRecording} reads. */
  toString(): string;
}

const HEADER = 'rxjs-io-stream recording 1';
// With `s`: the text of an error may hold a U+2028, which is no line's end here.
const ENTRY = /^(\d+(?:\.\d+)?) (app|to wire|wire|to app): (\w+)(?: (.*))?$/s;
const ERROR = /^(\w+|-|"(?:[^"\\]|\\.)*") (-?\d+) (\w+|-|"(?:[^"\\]|\\.)*") (".*")$/s;
const DOWNWARD = ['data', 'end', 'pause', 'resume', 'complete', 'error', 'unsubscribed'];
const UPWARD = ['data', 'end', 'pause', 'resume', 'complete', 'error', 'resolved', 'connected', 'sent'];

/** Makes a recording of its entries. */
export function recordingOf(entries: readonly RecordedEntry[], cut: boolean): Recording {
  const toString = (): string => {
    const lines = entries.map(({ at, line, signal }) => `${Number(at.toFixed(3))} ${line}: ${textOf(signal)}`);
    return [HEADER, ...lines, ...(cut ? ['cut'] : []), ''].join('\n');
  };
  return { entries, cut, toString };
}

function textOf(signal: RecordedSignal): string {
  switch (signal.kind) {
    case 'data':
      return `data ${hex(signal.bytes)} |${printable(signal.bytes)}|`;
    case 'end':
      return signal.truncated ? 'end truncated' : 'end';
    case 'resolved':
      return `resolved ${signal.host} ${signal.ip} ${signal.family}`;
    case 'connected':
      return `connected ${JSON.stringify(signal.details)}`;
    case 'sent':
      return `sent ${signal.bytes}`;
    case 'error':
      return `error ${wordOf(signal.code)} ${signal.errno} ${wordOf(signal.phase)} ${JSON.stringify(signal.message)}`;
    default:
      return signal.kind;
  }
}

/** Quoted when it is more than a word. */
function wordOf(word: string | undefined): string {
  return word === undefined ? '-' : /^\w+$/.test(word) ? word : JSON.stringify(word);
}

/** Nothing for `-`. */
function readWord(word: string): string | undefined {
  return word === '-' ? undefined : word.startsWith('"') ? (json(word) as string | undefined) : word;
}

/**
 * Reads the text of a recording.
 *
 * ```text
 *   rxjs-io-stream recording 1                                   the version of the format
 *   0 wire: connected [{"wire":"tcp"}]                           ms since the start, line, signal
 *   0 to wire: data 4a 4f 49 4e 0a |JOIN.|                       bytes in hex; what stands between | | is for the eye only
 *   0.5 wire: sent 5
 *   12 wire: error ECONNRESET -104 read "read ECONNRESET"        code, number, phase (- for none, quoted if no word), message
 *   cut                                                          only when the limit was reached
 * ```
 *
 * The lines are those of `marbles`. The signals: `data`, `end`, `end truncated`, `pause`, `resume`, `resolved HOST IP FAMILY`,
 * `connected DETAILS`, `sent BYTES`, `error …`, `complete`, `unsubscribed`. Blank lines, and lines that begin with `//`, are
 * skipped.
 *
 * ```ts
 * import { parseRecording, replay } from 'rxjs-io-stream/testing';
 *
 * export const wire = replay(parseRecording('rxjs-io-stream recording 1\n0 wire: connected []\n5 wire: data 68 69\n'));
 * ```
 *
 * @throws TypeError when it is no recording, with the number of the line.
 */
export function parseRecording(text: string): Recording {
  const lines = text.split(/\r?\n/);
  const entries: RecordedEntry[] = [];
  let cut = false;
  for (const [index, row] of lines.entries()) {
    const expected = (what: string): never => {
      throw new TypeError(`expected line ${index + 1} of the recording to be ${what}, got '${row.slice(0, 80)}'`);
    };
    if (index === 0) {
      if (row !== HEADER) expected(`'${HEADER}'`);
    } else if (row === 'cut') cut = true;
    else if (row.trim() !== '' && !row.startsWith('//')) {
      const [, at = '', line = '', kind = '', rest = ''] = ENTRY.exec(row) ?? expected('a time in ms, a line, a colon and a signal');
      if (Number(at) < (entries.at(-1)?.at ?? 0)) expected('no earlier than the line before');
      if (!(line === 'app' || line === 'to wire' ? DOWNWARD : UPWARD).includes(kind)) expected(`a signal that '${line}' carries`);
      const signal = signalOf(kind, rest) ?? expected(`a whole '${kind}'`);
      entries.push({ at: Number(at), line: line as LineName, signal });
    }
  }
  return recordingOf(entries, cut);
}

/** Nothing when the facts of the signal cannot be read. */
function signalOf(kind: string, rest: string): RecordedSignal | undefined {
  switch (kind) {
    case 'data': {
      const bytes = readHex(rest.replace(/\|.*$/s, ''));
      return bytes && { kind, bytes };
    }
    case 'sent':
      return /^[1-9]\d*$/.test(rest) ? { kind, bytes: Number(rest) } : undefined;
    case 'resolved': {
      const [, host, ip, family] = /^(\S+) (\S+) ([46])$/.exec(rest) ?? [];
      return host === undefined || ip === undefined ? undefined : { kind, host, ip, family: family === '4' ? 4 : 6 };
    }
    case 'connected': {
      const details = json(rest);
      return Array.isArray(details) ? { kind, details: details as readonly LayerDetails[] } : undefined;
    }
    case 'error': {
      const [, code = '', errno, phase = '', message = ''] = ERROR.exec(rest) ?? [];
      const words = json(message);
      if (typeof words !== 'string') return undefined;
      return { kind, code: readWord(code), errno: Number(errno), phase: readWord(phase) as Phase | undefined, message: words };
    }
    case 'end':
      if (rest === 'truncated') return { kind, truncated: true };
      break;
  }
  const plain: Readonly<Record<string, RecordedSignal>> = { end: END, pause: PAUSE, resume: RESUME };
  return rest === '' ? (plain[kind] ?? { kind: kind === 'complete' ? kind : 'unsubscribed' }) : undefined;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
