import { concatBytes } from '../util/concat-bytes.ts';
import { malformed } from './proxy-protocol-reader.ts';
import type { ProxyTlv } from './proxy-protocol-types.ts';

/** The size of type and length, in bytes. */
const TLV_HEAD = 3;

/** A value and its position in the header. */
export interface PlacedTlv extends ProxyTlv {
  readonly at: number;
}

/** Parses TLVs. @param start the position of the bytes in the header. */
export function parseTlvs(bytes: Uint8Array, start: number): readonly PlacedTlv[] {
  const tlvs: PlacedTlv[] = [];
  for (let at = 0; at < bytes.length;) {
    const field = `TLV at byte ${start + at}`;
    const [type = 0, high = 0, low = 0] = bytes.subarray(at, at + TLV_HEAD);
    const remaining = bytes.length - at - TLV_HEAD;
    if (remaining < 0) throw malformed(field, `a type and a length (${TLV_HEAD} bytes)`, `${TLV_HEAD + remaining} bytes`);
    const length = (high << 8) | low;
    if (length > remaining) throw malformed(field, `no longer than the header, ${remaining} bytes`, `a length of ${length}`);
    at += TLV_HEAD + length;
    tlvs.push({ type, value: bytes.slice(at - length, at), at: start + at - length });
  }
  return tlvs;
}

/** Encodes TLVs in their order. */
export function encodeTlvs(tlvs: readonly ProxyTlv[]): Uint8Array {
  return concatBytes(tlvs.flatMap(({ type, value }) => [Uint8Array.of(type, value.length >> 8, value.length & 255), value]));
}
