import { asciiText, hex, HEX_ROW } from '../../util/hex.ts';

const MAX_ROWS = 8;

/** Formats both sides in hex: only the rows that differ, with a mark under each differing byte. */
export function hexDiff(expected: Uint8Array, actual: Uint8Array): string {
  const lines: string[] = [];
  const length = Math.max(expected.length, actual.length);
  let more = 0;
  for (let at = 0; at < length; at += HEX_ROW) {
    const [wanted, got] = [expected.subarray(at, at + HEX_ROW), actual.subarray(at, at + HEX_ROW)];
    const marks = Array.from({ length: HEX_ROW }, (_, byte) => (wanted[byte] === got[byte] ? '  ' : '^^'));
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
  return `${hex(bytes).padEnd(HEX_ROW * 3)} ${asciiText(bytes)}`.trimEnd();
}
