import type { Talk } from '../protocol/need.ts';
import { malformed } from './frame-errors.ts';
import type { Reader } from './parser.ts';

/** Maximum bytes of a header: a varint of 64 bits has ten. */
export const MAX_HEADER_BYTES = 10;

/** The format of a length prefix. */
export interface LengthHeader {
  /** The highest length that fits into the header. */
  readonly maxLength: number;
  /** Number of header bytes for this length. */
  size(length: number): number;
  read(link: Reader): Talk<{ length: number; size: number }>;
  encode(length: number): Uint8Array;
}

/** A length in `size` bytes. */
export function fixedHeader(size: number, isLittleEndian: boolean): LengthHeader {
  const inOrder = (bytes: Uint8Array): Uint8Array => (isLittleEndian ? bytes.toReversed() : bytes);
  return {
    maxLength: 256 ** size - 1,
    size: () => size,
    *read(link) {
      return { length: inOrder(yield* link.read(size)).reduce((length, byte) => length * 256 + byte, 0), size };
    },
    encode: (length) => inOrder(Uint8Array.from({ length: size }, (_, at) => Math.floor(length / 256 ** (size - 1 - at)))),
  };
}

/** A length in seven bits a byte, lowest first. */
export function varintHeader(): LengthHeader {
  return {
    maxLength: Number.MAX_SAFE_INTEGER,
    size: (length) => varintBytes(length).length,
    *read(link) {
      let length = 0;
      for (let size = 1; size <= MAX_HEADER_BYTES; size += 1) {
        const [byte = 0] = yield* link.read(1);
        length += (byte % 128) * 128 ** (size - 1);
        if (byte < 128) return { length, size };
      }
      throw malformed(`received a varint of more than ${MAX_HEADER_BYTES} bytes`);
    },
    encode: (length) => Uint8Array.from(varintBytes(length)),
  };
}

/** All bytes but the last have the highest bit set. */
function varintBytes(length: number): number[] {
  return length < 128 ? [length] : [(length % 128) + 128, ...varintBytes(Math.floor(length / 128))];
}
