import { concatBytes } from '../../util/concat-bytes.ts';

/**
 * Shortens a failing input while it still fails: removes pieces, from halves down to single bytes, then replaces bytes by `a`.
 * Deterministic. Calls `fails` at most a few hundred times for a short input.
 *
 * @param fails returns whether an input fails; must return true for `input`.
 */
export function shrink(input: Uint8Array, fails: (input: Uint8Array) => boolean): Uint8Array {
  let best = input;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length;) {
      const less = concatBytes([best.subarray(0, at), best.subarray(at + size)]);
      if (less.length < best.length && fails(less)) best = less;
      else at += size;
    }
  }
  for (let at = 0; at < best.length; at += 1) {
    const plain = new Uint8Array(best);
    plain[at] = 0x61;
    if (best[at] !== 0x61 && fails(plain)) best = plain;
  }
  return best;
}
