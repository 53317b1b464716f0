import { map } from 'rxjs';
import { concatBytes } from '../util/concat-bytes.ts';
import { checkOneOf, codecOptions } from './codec-options.ts';
import type { Codec } from './codec.ts';
import { frameBytes } from './frame-bytes.ts';
import { malformed, receivedTooLong } from './frame-errors.ts';
import { fixedHeader, MAX_HEADER_BYTES, varintHeader } from './length-header.ts';
import { parseWith } from './parser.ts';

/** Options of {@link lengthPrefixed}. */
export interface LengthPrefixedOptions {
  /** Maximum bytes of a frame, without its header. Required. */
  readonly maxLength: number;
  /** Number of bytes of the length. `'varint'`: seven bits a byte, lowest first, as in Protocol Buffers. @default 4 */
  readonly bytes?: 1 | 2 | 4 | 'varint' | undefined;
  /** Byte order of the length: `'big'` puts the highest byte first. Ignored for a varint. @default 'big' */
  readonly endian?: 'big' | 'little' | undefined;
  /** Whether the length includes the bytes of the header. @default false */
  readonly includesHeader?: boolean | undefined;
}

/**
 * Creates a codec for frames with a length prefix. Decodes them to bytes without the prefix.
 *
 * ```text
 *   00 00 00 02 │ a b │ 00 00 00 00 │ 00 00 00 01 │ c     ──▶  ab   (empty)   c
 * ```
 *
 * `encode()` accepts bytes, or text to be encoded in UTF-8. Decoding takes linear time for any chunk boundaries.
 *
 * **Errors**
 * - `decode()`: EFRAMELIMIT as soon as the header of a frame over `maxLength` has been read. EPROTOCOL for a length smaller than
 *   the header that it includes, a varint of more than ten bytes, and an end inside a frame.
 * - `encode()`: EFRAMELIMIT for a frame over `maxLength`, or one whose length does not fit into the header.
 *
 * **Backpressure**: lossless.
 *
 * **Memory**: no memory is allocated for a frame before its bytes arrive.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { lengthPrefixed } from 'rxjs-io-stream';
 *
 * const frames = lengthPrefixed({ bytes: 2, endian: 'little', maxLength: 4096 });
 * of('hello').pipe(frames.encode()).subscribe(console.log); // 05 00 68 65 6c 6c 6f
 * ```
 *
 * @param options the format of the prefix, and the limit in bytes.
 * @returns a codec of `Uint8Array` frames.
 * @throws TypeError without `maxLength`, or for an unknown header.
 */
export function lengthPrefixed(options: LengthPrefixedOptions): Codec<Uint8Array, Uint8Array | string> {
  const own = codecOptions(options, 'lengthPrefixed', ['maxLength', 'bytes', 'endian', 'includesHeader']);
  const { maxLength, bytes = 4, endian = 'big', includesHeader = false } = own;
  checkOneOf('bytes', bytes, [1, 2, 4, 'varint']);
  checkOneOf('endian', endian, ['big', 'little']);
  checkOneOf('includesHeader', includesHeader, [true, false]);
  const header = bytes === 'varint' ? varintHeader() : fixedHeader(bytes, endian === 'little');
  const maxToSend = Math.min(maxLength, header.maxLength - (includesHeader ? header.size(0) : 0));
  return {
    decode: parseWith(
      function* (link) {
        const { length: value, size } = yield* header.read(link);
        const length = includesHeader ? value - size : value;
        if (length < 0) throw malformed(`received a length of ${value}, less than the ${size} bytes of the header that it includes`);
        if (length > maxLength) throw receivedTooLong(maxLength, length);
        return yield* link.read(length);
      },
      { maxLength, overhead: MAX_HEADER_BYTES },
    ),
    encode: () =>
      map((message) => {
        const frame = frameBytes(message, maxToSend);
        // The size of a varint depends on the length in it, which may include the varint itself.
        let size = header.size(frame.length);
        if (includesHeader) while (header.size(frame.length + size) > size) size += 1;
        return concatBytes([header.encode(includesHeader ? frame.length + size : frame.length), frame]);
      }),
  };
}
