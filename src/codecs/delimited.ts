import { map } from 'rxjs';
import { ByteBuffer } from '../protocol/byte-buffer.ts';
import { concatBytes } from '../wire/concat-bytes.ts';
import type { Codec } from './codec.ts';
import { decoding } from './decoding.ts';
import { codecOptions, frameBytes, overLimit, refused } from './frame.ts';
import { Parser } from './parser.ts';

/** How the frames of {@link delimited} end. */
export interface DelimitedOptions {
  /** What comes behind each frame: bytes, or text in UTF-8. One byte at least. */
  readonly delimiter: Uint8Array | string;
  /** The most bytes a frame may have, without its delimiter. Required. */
  readonly maxLength: number;
}

/**
 * Frames that end with a delimiter, as bytes without it.
 *
 * ```text
 *   a b c \0 \0 d \0     ──▶  abc   (empty)   d
 * ```
 *
 * An end behind a delimiter is the end; bytes without a delimiter at the end are a frame cut off: EPROTOCOL. `encode()` takes
 * bytes, or text in UTF-8, and refuses a frame with the delimiter inside (EPROTOCOL) or over `maxLength` (EFRAMELIMIT). For
 * text see {@link lines}, which is faster. Linear, however the bytes are cut. Lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { delimited } from 'rxjs-io-stream';
 *
 * const records = delimited({ delimiter: '\0', maxLength: 1024 });
 * of('one', 'two').pipe(records.encode(), records.decode()).subscribe((frame) => console.log(new TextDecoder().decode(frame)));
 * ```
 *
 * @throws TypeError without `maxLength` or `delimiter`.
 */
export function delimited(options: DelimitedOptions): Codec<Uint8Array, Uint8Array | string> {
  const { maxLength, delimiter: given } = codecOptions(options, 'delimited', ['maxLength', 'delimiter']);
  const delimiter = copyOf(given);
  const overhead = delimiter.length;
  return {
    decode: () =>
      decoding(
        () =>
          new Parser(
            function* (link) {
              const frame = yield* link.readUntil(delimiter, Infinity);
              return frame.subarray(0, -overhead);
            },
            { maxLength, overhead },
          ),
      ),
    encode: () =>
      map((message) => {
        const frame = frameBytes(message);
        if (frame.length > maxLength) throw overLimit(maxLength, frame.length, 'write');
        const whole = concatBytes([frame, delimiter]);
        const buffer = new ByteBuffer();
        buffer.assign(whole);
        // In the whole, since the delimiter may also begin in the frame and end in the delimiter.
        const at = buffer.indexOf(delimiter, 0, whole.length);
        if (at < frame.length) throw refused(`expected a frame without its delimiter inside, got it at byte ${at}`);
        return whole;
      }),
  };
}

function copyOf(delimiter: unknown): Uint8Array {
  const given = typeof delimiter === 'string' || delimiter instanceof Uint8Array ? delimiter : '';
  if (given.length === 0) throw new TypeError('expected `delimiter` to be bytes or text, one byte at least');
  return new Uint8Array(frameBytes(given));
}
