import type { MarbleValue } from 'rxjs-io-stream/testing';

const ROW = /^\s*(\S+)\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+))\s*,?\s*$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', 0: '\0' };

/** Parses rows as they stand in a test: `k: 'KNOCK\n'`, `b: '0x05 01'`, `s: 5`. */
export function parseValues(text: string): Record<string, MarbleValue> {
  const values: Record<string, MarbleValue> = {};
  for (const row of text.split('\n')) {
    if (row.trim() === '') continue;
    const [, name = '', single, double, count] = ROW.exec(row) ?? [];
    if (name === '') throw new TypeError(`expected each value as a letter, a colon and a text, like h: 'hello', got ${row.trim()}`);
    values[name] = count === undefined ? unescape(single ?? double ?? '') : Number(count);
  }
  return values;
}

/** Formats a value as `parseValues` reads it. */
export function valueText(bytes: Uint8Array): string {
  const isText = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09);
  if (!isText) return `'0x${hexOf(bytes)}'`;
  const escaped = JSON.stringify(new TextDecoder().decode(bytes)).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped}'`;
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function unescape(text: string): string {
  return text.replace(/\\(?:x([\da-f]{2})|u([\da-f]{4})|(.))/gi, (_, hex?: string, unit?: string, other = '') => {
    const code = hex ?? unit;
    return code === undefined ? (ESCAPES[other as string] ?? (other as string)) : String.fromCharCode(parseInt(code, 16));
  });
}
