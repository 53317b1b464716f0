import { recordingOf, type RecordedEntry, type Recording } from '../testing/recording/recording.ts';

/** Number of signals in the list, and of the bytes shown of each. */
const MAX_SIGNALS = 300;
const MAX_BYTES = 48;

/** Returns the last signals of a recording, one a line, with the start of their bytes. */
export function listOf({ entries }: Recording): string {
  const shown = entries.slice(-MAX_SIGNALS);
  if (shown.length === 0) return '';
  const lines = recordingOf(shown.map(start), false).toString().trimEnd().split('\n').slice(-shown.length);
  const listed = lines.map((line, at) => line + omitted(shown[at]!));
  return [...(entries.length > shown.length ? [`… ${entries.length - shown.length} signals before`] : []), ...listed].join('\n');
}

function start(entry: RecordedEntry): RecordedEntry {
  const { signal } = entry;
  return signal.kind === 'data' ? { ...entry, signal: { kind: 'data', bytes: signal.bytes.subarray(0, MAX_BYTES) } } : entry;
}

function omitted({ signal }: RecordedEntry): string {
  const more = signal.kind === 'data' ? signal.bytes.length - MAX_BYTES : 0;
  return more > 0 ? ` … ${more} more bytes` : '';
}
