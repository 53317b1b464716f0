const BYTES_PER_ROW = 16;
const MAX_ROWS = 8;

/** Formats both sides in hex: only the rows that differ, with a mark under each differing byte. */
export function hexDiff(expected: Uint8Array, actual: Uint8Array): string {
  const lines: string[] = [];
  const length = Math.max(expected.length, actual.length);
  let more = 0;
  for (let at = 0; at < length; at += BYTES_PER_ROW) {
    const [wanted, got] = [expected.subarray(at, at + BYTES_PER_ROW), actual.subarray(at, at + BYTES_PER_ROW)];
    const marks = Array.from({ length: BYTES_PER_ROW }, (_, byte) => (wanted[byte] === got[byte] ? '  ' : '^^'));
    if (!marks.includes('^^')) continue;
    if (lines.length >= MAX_ROWS * 3) {
      more += 1;
      continue;
    }
    const offset = at.toString(16).padStart(4, '0');
    lines.push(
      `expected  ${offset}  ${hexRow(wanted)}`,
      `actual    ${offset}  ${hexRow(got)}`,
      `                ${marks.join(' ').trimEnd()}`,
    );
  }
  if (more > 0) lines.push(`… and ${more} more rows`);
  return lines.join('\n');
}

function hexRow(bytes: Uint8Array): string {
  return `${hex(bytes).padEnd(BYTES_PER_ROW * 3)} ${printable(bytes)}`.trimEnd();
}

/** Formats bytes as `4a 4f 49`. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Parses pairs of hex digits, with or without blanks; returns undefined for any other text. */
export function readHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s/g, '');
  if (!/^(?:[\da-f]{2})*$/i.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Returns printable ASCII unchanged, and a dot for any other byte. */
export function printable(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
}
