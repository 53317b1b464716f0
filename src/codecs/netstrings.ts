import { map } from 'rxjs';
import { concatBytes } from '../util/concat-bytes.ts';
import type { Codec } from './codec.ts';
import { codecOptions } from './codec-options.ts';
import { frameBytes } from './frame-bytes.ts';
import { malformed, receivedTooLong } from './frame-errors.ts';
import { parseWith } from './parser.ts';

/** Options of {@link netstrings}. */
export interface NetstringsOptions {
  /** Maximum bytes of a frame, without its length, colon and comma. Required. */
  readonly maxLength: number;
}

const [ZERO, NINE, COLON, COMMA] = [0x30, 0x39, 0x3a, 0x2c];
/** Digits of the highest safe integer, colon and comma. */
const OVERHEAD = 18;

/**
 * Creates a codec for netstrings (D. J. Bernstein, 1997): the length in decimal digits, a colon, the bytes, a comma. Decodes them
 * to the bytes alone.
 *
 * ```text
 *   2 : a b ,   0 : ,   1 : c ,     ──▶  ab   (empty)   c
 * ```
 *
 * `encode()` accepts bytes, or text to be encoded in UTF-8. Decoding takes linear time for any chunk boundaries.
 *
 * **Errors**
 * - `decode()`: EFRAMELIMIT at the first digit with which the length exceeds `maxLength`. EPROTOCOL for a length with leading zeros
 *   or other characters than digits, a missing comma, and an end inside a frame.
 * - `encode()`: EFRAMELIMIT for a frame over `maxLength`.
 *
 * **Backpressure**: lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { netstrings } from 'rxjs-io-stream';
 *
 * const codec = netstrings({ maxLength: 1024 });
 * of('hello').pipe(codec.encode()).subscribe((bytes) => console.log(new TextDecoder().decode(bytes))); // 5:hello,
 * ```
 *
 * @param options the limit in bytes.
 * @returns a codec of `Uint8Array` frames.
 * @throws TypeError without `maxLength`.
 */
export function netstrings(options: NetstringsOptions): Codec<Uint8Array, Uint8Array | string> {
  const { maxLength } = codecOptions(options, 'netstrings', ['maxLength']);
  return {
    decode: parseWith(
      function* (link) {
        let length = -1;
        for (;;) {
          const [byte = 0] = yield* link.read(1);
          if (byte === COLON && length >= 0) break;
          if (byte < ZERO || byte > NINE) throw malformed(`received byte ${byte} in the length of a netstring, instead of a digit`);
          if (length === 0) throw malformed('received a netstring whose length has a leading zero');
          length = Math.max(0, length) * 10 + (byte - ZERO);
          if (length > maxLength) throw receivedTooLong(maxLength, `${length} or more`);
        }
        const frame = yield* link.read(length);
        const [end] = yield* link.read(1);
        if (end !== COMMA) throw malformed(`received byte ${end} after the ${length} bytes of a netstring, instead of a comma`);
        return frame;
      },
      { maxLength, overhead: OVERHEAD },
    ),
    encode: () =>
      map((message) => {
        const frame = frameBytes(message, maxLength);
        return concatBytes([frameBytes(`${frame.length}:`), frame, Uint8Array.of(COMMA)]);
      }),
  };
}
