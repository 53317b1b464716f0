/** Returns how many of the bytes are whole characters of UTF-8: all but a character at the end that is cut off. */
export function wholeCharacters(bytes: Uint8Array): number {
  const { length } = bytes;
  // The first byte of the last character is at most three bytes before the end.
  for (let back = 1; back <= Math.min(3, length); back += 1) {
    const byte = bytes[length - back]!;
    if ((byte & 0xc0) === 0x80) continue; // A following byte.
    return back < sizeOf(byte) ? length - back : length;
  }
  return length;
}

/** The bytes of a character, by its first byte. */
function sizeOf(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
