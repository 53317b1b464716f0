/** Whether two addresses are of the same family and agree in their first `bits` bits. */
export function hasSamePrefix(one: Uint8Array, other: Uint8Array, bits: number): boolean {
  if (one.length !== other.length) return false;
  return one.every((byte, at) => {
    const compared = Math.min(Math.max(bits - 8 * at, 0), 8);
    return (byte ^ other[at]!) >> (8 - compared) === 0;
  });
}
