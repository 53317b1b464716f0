import { formatBytes, formatTime, peek } from './format.ts';
import type { LaneSignal } from './lanes.ts';

/** The most characters of a message, and of bytes, in words. */
const MAX_WORDS = 96;
const MAX_BYTES = 48;

/** Describes a signal in words: `data, 5 bytes: hello`. @param maxWords the most characters of the message of an error. */
export function describeSignal({ kind, size, bytes, words }: LaneSignal, maxWords: number = MAX_WORDS): string {
  if (kind === 'data') return `data, ${formatBytes(size)}${size > 0 && bytes ? `: ${peek(bytes, MAX_BYTES)}` : ''}`;
  if (kind === 'sent' && size > 0) return `sent, ${formatBytes(size)}`;
  if (words.startsWith(kind) || words.startsWith("'")) return words.slice(0, maxWords);
  return words === '' ? kind : `${kind}: ${words.length > maxWords ? `${words.slice(0, maxWords)}…` : words}`;
}

/** Describes a signal with its time, and how it differs from the line that it is compared with. */
export function describeWithTime(signal: LaneSignal): string {
  const wrong = signal.wrong === undefined ? '' : ` (${signal.wrong})`;
  return `${formatTime(signal.at)}: ${describeSignal(signal)}${wrong}`;
}
