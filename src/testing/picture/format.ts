import { hex } from '../../util/hex.ts';

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB'] as const;

/** Formats a number of bytes in its unit: `1 byte`, `64 KiB`, `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes === 1) return '1 byte';
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${UNITS[power] ?? ''}`;
}

/** Formats a number with commas, and its noun: `67,108 signals`. */
export function formatCount(count: number, noun: string): string {
  return `${String(count).replace(/\B(?=(\d{3})+$)/g, ',')} ${noun}${count === 1 ? '' : 's'}`;
}

/** Formats a time in its unit: `0.25 ms`, `12.5 ms`, `3 s`. */
export function formatTime(ms: number): string {
  const [value, unit] = ms < 1000 ? [ms, 'ms'] : [ms / 1000, 's'];
  const decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${Number(value.toFixed(decimals))} ${unit}`;
}

/** Formats a moment so that signals of one second differ: `12.5 ms`, `3.042 s`. */
export function formatMoment(ms: number): string {
  return ms < 1000 ? formatTime(ms) : `${(ms / 1000).toFixed(3)} s`;
}

/** The most bytes of which {@link peek} shows any. */
const MAX_PEEKED = 64;

/** Shows the start of bytes: as text if most of it is printable ASCII, otherwise in hex. @param width the maximum length. */
export function peek(bytes: Uint8Array, width: number): string {
  const start = bytes.subarray(0, MAX_PEEKED);
  const printable = start.filter((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d).length;
  const isText = printable > start.length * 0.7;
  const text = isText ? Array.from(start, charOf).join('') : hex(start);
  const isWhole = text.length <= width && bytes.length <= MAX_PEEKED;
  return isWhole ? text : `${text.slice(0, width - 1).trimEnd()}…`;
}

/** Returns the character of a byte; `↵` for a line feed, nothing for the carriage return before it, `·` for what cannot be printed. */
function charOf(byte: number): string {
  if (byte === 0x0a) return '↵';
  if (byte === 0x0d) return '';
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
}
