/** Returns how many of the bytes are whole characters of UTF-8: all but a character at the end that is cut off. */
export function wholeCharacters(bytes: Uint8Array): number {
  const { length } = bytes;
  // The first byte of the last character is at most three bytes before the end. Its leading ones are the bytes of the character.
  for (let back = 1; back <= Math.min(3, length); back += 1) {
    const ones = Math.clz32(~(bytes[length - back]! << 24));
    if (ones !== 1) return back < ones ? length - back : length; // One: a following byte.
  }
  return length;
}
