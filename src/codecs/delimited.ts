import { map } from 'rxjs';
import { concatBytes } from '../util/concat-bytes.ts';
import { describeWithType } from '../util/describe.ts';
import { indexOfBytes } from '../util/index-of-bytes.ts';
import type { Codec } from './codec.ts';
import { codecOptions } from './codec-options.ts';
import { frameBytes } from './frame-bytes.ts';
import { unencodable } from './frame-errors.ts';
import { parseWith } from './parser.ts';

/** Options of {@link delimited}. */
export interface DelimitedOptions {
  /** The delimiter after each frame: bytes, or text in UTF-8. At least one byte. */
  readonly delimiter: Uint8Array | string;
  /** Maximum bytes of a frame, without its delimiter. Required. */
  readonly maxLength: number;
}

/**
 * Creates a codec for frames that end with a delimiter. Decodes them to bytes without the delimiter.
 *
 * ```text
 *   a b c \0 \0 d \0     ──▶  abc   (empty)   d
 * ```
 *
 * `encode()` accepts bytes, or text to be encoded in UTF-8. Decoding takes linear time for any chunk boundaries.
 *
 * **Errors**
 * - `decode()`: EFRAMELIMIT for a frame over `maxLength`. EPROTOCOL if the input ends without a delimiter after the last bytes.
 * - `encode()`: EFRAMELIMIT for a frame over `maxLength`. EPROTOCOL for a frame that contains the delimiter.
 *
 * **Backpressure**: lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { delimited } from 'rxjs-io-stream';
 *
 * const records = delimited({ delimiter: '\0', maxLength: 1024 });
 * of('one', 'two').pipe(records.encode(), records.decode()).subscribe((frame) => console.log(new TextDecoder().decode(frame)));
 * ```
 *
 * @param options the delimiter and the limit in bytes.
 * @returns a codec of `Uint8Array` frames.
 * @throws TypeError without `maxLength` or `delimiter`.
 * @see {@link lines}, which is faster for text.
 */
export function delimited(options: DelimitedOptions): Codec<Uint8Array, Uint8Array | string> {
  const { maxLength, delimiter: text } = codecOptions(options, 'delimited', ['maxLength', 'delimiter']);
  const delimiter = copyOf(text);
  const overhead = delimiter.length;
  return {
    decode: parseWith(
      function* (link) {
        const frame = yield* link.readUntil(delimiter, Infinity);
        return frame.subarray(0, -overhead);
      },
      { maxLength, overhead },
    ),
    encode: () =>
      map((message) => {
        const frame = frameBytes(message, maxLength);
        const whole = concatBytes([frame, delimiter]);
        // Search frame and delimiter together: a match may begin in the frame and end in the delimiter.
        const at = indexOfBytes(whole, delimiter);
        if (at < frame.length) throw unencodable(`expected a frame without its delimiter inside, got it at byte ${at}`);
        return whole;
      }),
  };
}

function copyOf(delimiter: unknown): Uint8Array {
  if (!(typeof delimiter === 'string' || delimiter instanceof Uint8Array) || delimiter.length === 0)
    throw new TypeError(`expected \`delimiter\` to be bytes or text, one byte at least, got ${describeWithType(delimiter)}`);
  return new Uint8Array(frameBytes(delimiter));
}
