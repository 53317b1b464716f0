/** Returns the bytes of hex words: `'05 00 0001'`. */
export function bytesOfHex(words: string): Buffer {
  return Buffer.from(words.replaceAll(' ', ''), 'hex');
}
