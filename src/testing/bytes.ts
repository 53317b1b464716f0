/** Whether two arrays hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

/** Formats bytes for a message: in hex, shortened to the length and the first 24 bytes. */
export function show(bytes: Uint8Array): string {
  const hex = [...bytes.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  if (bytes.length === 0) return 'no bytes';
  return bytes.length > 24 ? `${bytes.length} bytes (${hex} …)` : `<${hex}>`;
}

/** Returns test bytes in which neighbours differ, starting at `start`. */
export function pattern(length: number, start = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) bytes[at] = start + at * 7 + (at >> 8);
  return bytes;
}
