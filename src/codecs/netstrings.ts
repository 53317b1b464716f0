import { map } from 'rxjs';
import { concatBytes } from '../wire/concat-bytes.ts';
import type { Codec } from './codec.ts';
import { decoding } from './decoding.ts';
import { codecOptions, frameBytes, malformed, overLimit } from './frame.ts';
import { Parser } from './parser.ts';

/** How long the frames of {@link netstrings} may be. */
export interface NetstringsOptions {
  /** The most bytes a frame may have, without its length, colon and comma. Required. */
  readonly maxLength: number;
}

const [ZERO, NINE, COLON, COMMA] = [0x30, 0x39, 0x3a, 0x2c];
/** Digits of the highest safe integer, colon and comma. */
const OVERHEAD = 18;

/**
 * Netstrings (D. J. Bernstein, 1997): the length in decimal digits, a colon, the bytes, a comma. As bytes without all that.
 *
 * ```text
 *   2 : a b ,   0 : ,   1 : c ,     ──▶  ab   (empty)   c
 * ```
 *
 * A length over `maxLength` is EFRAMELIMIT at the digit that makes it so. Anything but digits, leading zeros, and a frame
 * without its comma are EPROTOCOL; so is an end in the midst of a frame. `encode()` takes bytes, or text in UTF-8, and refuses
 * what is over `maxLength` (EFRAMELIMIT). Linear, however the bytes are cut. Lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { netstrings } from 'rxjs-io-stream';
 *
 * const codec = netstrings({ maxLength: 1024 });
 * of('hello').pipe(codec.encode()).subscribe((bytes) => console.log(new TextDecoder().decode(bytes))); // 5:hello,
 * ```
 *
 * @throws TypeError without `maxLength`.
 */
export function netstrings(options: NetstringsOptions): Codec<Uint8Array, Uint8Array | string> {
  const { maxLength } = codecOptions(options, 'netstrings', ['maxLength']);
  return {
    decode: () =>
      decoding(
        () =>
          new Parser(
            function* (link) {
              let length = -1;
              for (;;) {
                const [byte = 0] = yield* link.read(1);
                if (byte === COLON && length >= 0) break;
                if (byte < ZERO || byte > NINE) throw malformed(`expected a digit in the length of a netstring, got byte ${byte}`);
                if (length === 0) throw malformed('expected the length of a netstring without leading zeros, got one');
                length = Math.max(0, length) * 10 + (byte - ZERO);
                if (length > maxLength) throw overLimit(maxLength, `${length} or more`);
              }
              const frame = yield* link.read(length);
              const [end] = yield* link.read(1);
              if (end !== COMMA) throw malformed(`expected a comma behind the ${length} bytes of a netstring, got byte ${end}`);
              return frame;
            },
            { maxLength, overhead: OVERHEAD },
          ),
      ),
    encode: () =>
      map((message) => {
        const frame = frameBytes(message);
        if (frame.length > maxLength) throw overLimit(maxLength, frame.length, 'write');
        return concatBytes([frameBytes(`${frame.length}:`), frame, Uint8Array.of(COMMA)]);
      }),
  };
}
