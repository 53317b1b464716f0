import { map } from 'rxjs';
import type { Talk } from '../protocol/need.ts';
import { concatBytes } from '../util/concat-bytes.ts';
import type { Codec } from './codec.ts';
import { decoding } from './decoding.ts';
import { codecOptions, checkOneOf, frameBytes, malformed, overLimit } from './frame.ts';
import { Parser, type Reader } from './parser.ts';

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

/** Maximum bytes of a varint of 64 bits. */
const MAX_VARINT_BYTES = 10;

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
  const given = codecOptions(options, 'lengthPrefixed', ['maxLength', 'bytes', 'endian', 'includesHeader']);
  const { maxLength, bytes = 4, endian = 'big', includesHeader = false } = given;
  checkOneOf('bytes', bytes, [1, 2, 4, 'varint']);
  checkOneOf('endian', endian, ['big', 'little']);
  checkOneOf('includesHeader', includesHeader, [true, false]);
  const header = bytes === 'varint' ? varint : fixed(bytes, endian === 'little');
  const most = Math.min(maxLength, header.highest - (includesHeader ? header.size(0) : 0));
  return {
    decode: () =>
      decoding(
        () =>
          new Parser(
            function* (link) {
              const { length: told, size } = yield* header.read(link);
              const length = includesHeader ? told - size : told;
              if (length < 0) throw malformed(`expected a length of at least ${size}, its own header, got ${told}`);
              if (length > maxLength) throw overLimit(maxLength, length);
              return yield* link.read(length);
            },
            { maxLength, overhead: MAX_VARINT_BYTES },
          ),
      ),
    encode: () =>
      map((message) => {
        const frame = frameBytes(message);
        if (frame.length > most) throw overLimit(most, frame.length, 'write');
        // The size of a varint depends on the length in it, which may include the varint itself.
        let size = header.size(frame.length);
        if (includesHeader) while (header.size(frame.length + size) > size) size += 1;
        return concatBytes([header.make(includesHeader ? frame.length + size : frame.length), frame]);
      }),
  };
}

interface Header {
  readonly highest: number;
  /** Number of header bytes for this length. */
  size(length: number): number;
  read(link: Reader): Talk<{ length: number; size: number }>;
  make(length: number): Uint8Array;
}

function fixed(size: number, little: boolean): Header {
  const inOrder = (bytes: Uint8Array): Uint8Array => (little ? bytes.toReversed() : bytes);
  return {
    highest: 256 ** size - 1,
    size: () => size,
    *read(link) {
      return { length: inOrder(yield* link.read(size)).reduce((length, byte) => length * 256 + byte, 0), size };
    },
    make: (length) => inOrder(Uint8Array.from({ length: size }, (_, at) => Math.floor(length / 256 ** (size - 1 - at)))),
  };
}

const varint: Header = {
  highest: Number.MAX_SAFE_INTEGER,
  size(length) {
    let size = 1;
    while (length >= 128 ** size) size += 1;
    return size;
  },
  *read(link) {
    let length = 0;
    for (let size = 1; size <= MAX_VARINT_BYTES; size += 1) {
      const [byte = 0] = yield* link.read(1);
      length += (byte % 128) * 128 ** (size - 1);
      if (byte < 128) return { length, size };
    }
    throw malformed(`expected a varint of at most ${MAX_VARINT_BYTES} bytes, got more`);
  },
  make(length) {
    const size = varint.size(length);
    return Uint8Array.from({ length: size }, (_, at) => (Math.floor(length / 128 ** at) % 128) + (at < size - 1 ? 128 : 0));
  },
};
