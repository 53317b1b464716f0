import { concatBytes } from '../../util/concat-bytes.ts';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';

/** Values that often break length fields and state machines. */
const EDGES = [0, 1, 0x09, 0x0a, 0x0d, 0x20, 0x2c, 0x30, 0x39, 0x3a, 0x7f, 0x80, 0xc3, 0xfe, 0xff];

/**
 * Corrupts a random sample with one to eight changes. Each change replaces a byte, removes or repeats a piece, inserts a piece of another
 * sample or random bytes, or truncates. Deterministic for the same random numbers.
 */
export function mutate(samples: readonly Uint8Array[], random: () => number): Uint8Array {
  const randomBelow = (end: number): number => Math.floor(random() * end);
  const pick = (): Uint8Array => samples[randomBelow(samples.length)] ?? EMPTY_BYTES;
  const piece = (bytes: Uint8Array): Uint8Array => {
    const from = randomBelow(bytes.length);
    return bytes.subarray(from, from + 1 + randomBelow(Math.min(16, bytes.length - from)));
  };
  let bytes = new Uint8Array(pick());
  const splice = (at: number, removed: number, inserted: Uint8Array): void => {
    bytes = new Uint8Array(concatBytes([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]));
  };
  for (let changes = 1 + randomBelow(random() < 0.5 ? 1 : 8); changes > 0; changes -= 1) {
    const at = randomBelow(bytes.length + 1);
    const how = randomBelow(8);
    if (how === 0 && at < bytes.length) bytes[at] = randomBelow(256);
    else if (how === 1 && at < bytes.length) bytes[at] = EDGES[randomBelow(EDGES.length)] ?? 0;
    else if (how === 2 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << randomBelow(8));
    else if (how === 3) splice(at, 1 + randomBelow(8), EMPTY_BYTES);
    else if (how === 4) splice(at, 0, piece(bytes));
    else if (how === 5) splice(at, randomBelow(4), piece(pick()));
    else if (how === 6)
      splice(
        at,
        0,
        Uint8Array.from({ length: 1 + randomBelow(8) }, () => randomBelow(256)),
      );
    else if (how === 7) bytes = bytes.slice(0, at);
  }
  return bytes;
}
