/** Returns the position of the first complete `wanted` between `from` and `to`, or -1. */
export function indexOfBytes(bytes: Uint8Array, wanted: Uint8Array, from = 0, to: number = bytes.length): number {
  for (let at = from; at + wanted.length <= to; at += 1) {
    let same = 0;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same += 1;
    if (same === wanted.length) return at;
  }
  return -1;
}
