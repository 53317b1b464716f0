import type { LineName } from '../marbles/mark.ts';
import { hex, asciiText } from '../../util/hex.ts';
import type { RecordedSignal } from '../../wire/recorded-signal.ts';

export type { RecordedSignal };

/** One recorded signal, with its line and time. */
export interface RecordedEntry {
  /** Time since the subscription, in ms. */
  readonly at: number;
  /** The line, as in `marbles`. With `around`: `to wire` and `wire` are below the plugin, `app` and `to app` above it. */
  readonly line: LineName;
  /** The signal, or how the line ended. */
  readonly signal: RecordedSignal;
}

/** A recorded connection; see `record`. */
export interface Recording {
  /** The number of the connection, as in lines of `trace` and in diagnostics. Undefined in a text that has none. */
  readonly id?: number | undefined;
  /** The signals in order. */
  readonly entries: readonly RecordedEntry[];
  /** Whether the limit was reached: signals before the end are then missing. */
  readonly cut: boolean;
  /** Returns the text for {@link parseRecording}. */
  toString(): string;
}

/** The first line of the text of a recording. */
export const HEADER = 'rxjs-io-stream recording 1';

/** Creates a recording from its entries. */
export function recordingOf(entries: readonly RecordedEntry[], cut: boolean, id?: number): Recording {
  const toString = (): string => {
    const lines = entries.map(({ at, line, signal }) => `${Number(at.toFixed(3))} ${line}: ${textOf(signal)}`);
    return [HEADER, ...(id === undefined ? [] : [`connection ${id}`]), ...lines, ...(cut ? ['cut'] : []), ''].join('\n');
  };
  return { ...(id !== undefined && { id }), entries, cut, toString };
}

function textOf(signal: RecordedSignal): string {
  switch (signal.kind) {
    case 'data':
      return `data ${hex(signal.bytes)} |${asciiText(signal.bytes)}|`;
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

/** Formats a field: `-` for undefined, quoted unless it is a word. */
function wordOf(word: string | undefined): string {
  return word === undefined ? '-' : /^\w+$/.test(word) ? word : JSON.stringify(word);
}
