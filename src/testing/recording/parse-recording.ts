import type { Phase } from '../../errors.ts';
import type { LineName } from '../marbles/mark.ts';
import { readHex } from '../../util/hex.ts';
import { END, PAUSE, RESUME, type LayerDetails } from '../../wire/signal.ts';
import { HEADER, recordingOf, type RecordedEntry, type RecordedSignal, type Recording } from './recording.ts';

// With the `s` flag: the message of an error may contain U+2028, which does not end a line here.
const ENTRY = /^(\d+(?:\.\d+)?) (app|to wire|wire|to app): (\w+)(?: (.*))?$/s;
const CONNECTION = /^connection ([1-9]\d{0,14})$/;
const ERROR = /^(\w+|-|"(?:[^"\\]|\\.)*") (-?\d+) (\w+|-|"(?:[^"\\]|\\.)*") (".*")$/s;
const OUTBOUND = ['data', 'end', 'pause', 'resume', 'complete', 'error', 'unsubscribed'];
const INBOUND = ['data', 'end', 'pause', 'resume', 'complete', 'error', 'resolved', 'connected', 'sent'];

/** Parses a field: `-` for undefined, quoted unless it is a word. */
function readWord(word: string): string | undefined {
  return word === '-' ? undefined : word.startsWith('"') ? (json(word) as string | undefined) : word;
}

/**
 * Parses the text of a recording.
 *
 * ```text
 *   rxjs-io-stream recording 1                                   the version of the format
 *   connection 7                                                 the number of the connection, if it is known
 *   0 wire: connected [{"wire":"tcp"}]                           ms since the start, line, signal
 *   0 to wire: data 4a 4f 49 4e 0a |JOIN.|                       bytes in hex; the text between | | is ignored
 *   0.5 wire: sent 5
 *   12 wire: error ECONNRESET -104 read "read ECONNRESET"        code, errno, phase (- for none, quoted unless a word), message
 *   cut                                                          only if the limit was reached
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
 * @param text the text of a recording, as returned by its `toString()`.
 * @returns the recording.
 * @throws TypeError if the text is not a recording; the message contains the line number.
 * @see {@link record}, {@link replay}, {@link toMarbles}.
 */
export function parseRecording(text: string): Recording {
  const lines = text.split(/\r?\n/);
  const entries: RecordedEntry[] = [];
  let cut = false;
  let id: number | undefined;
  for (const [index, row] of lines.entries()) {
    const expected = (what: string): never => {
      throw new TypeError(`expected line ${index + 1} of the recording to be ${what}, got '${row.slice(0, 80)}'`);
    };
    if (index === 0) {
      if (row !== HEADER) expected(`'${HEADER}'`);
    } else if (row === 'cut') cut = true;
    else if (index === 1 && CONNECTION.test(row)) id = Number(CONNECTION.exec(row)?.[1]);
    else if (row.trim() !== '' && !row.startsWith('//')) {
      const [, at = '', line = '', kind = '', rest = ''] = ENTRY.exec(row) ?? expected('a time in ms, a line, a colon and a signal');
      if (Number(at) < (entries.at(-1)?.at ?? 0)) expected('no earlier than the line before');
      if (!(line === 'app' || line === 'to wire' ? OUTBOUND : INBOUND).includes(kind)) expected(`a signal that '${line}' carries`);
      const signal = signalOf(kind, rest) ?? expected(`a whole '${kind}'`);
      entries.push({ at: Number(at), line: line as LineName, signal });
    }
  }
  return recordingOf(entries, cut, id);
}

/** Parses a signal; returns undefined if its fields are invalid. */
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
