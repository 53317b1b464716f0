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
export function asciiText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
}

/** The number of bytes in a row of a dump. */
export const HEX_ROW = 16;

/** Formats bytes as `hexdump -C` does, one row for each {@link HEX_ROW} bytes. @param offset the number of the first byte. */
export function hexDump(bytes: Uint8Array, offset = 0): string[] {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_ROW) {
    const row = bytes.subarray(at, at + HEX_ROW);
    const columns = `${hex(row.subarray(0, HEX_ROW / 2))}  ${hex(row.subarray(HEX_ROW / 2))}`.padEnd(HEX_ROW * 3);
    rows.push(`${(offset + at).toString(16).padStart(8, '0')}  ${columns}  |${asciiText(row)}|`);
  }
  return rows;
}
