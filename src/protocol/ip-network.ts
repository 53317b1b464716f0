/** Returns an address with its first `bits` bits; the others are 0. */
export function networkOf(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, at) => byte & (0xff00 >> Math.min(Math.max(bits - 8 * at, 0), 8)));
}
