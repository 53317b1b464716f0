import { readProxyHeader } from '../../src/protocol/proxy-protocol.ts';
import { crc32c } from '../../src/protocol/crc32c.ts';
import { bytesOfHex } from '../support/bytes-of-hex.ts';
import { runInHex, type HexResult } from './run-in-hex.ts';

/** The signature of version 2 in hex. */
export const SIGNATURE = '0d0a0d0a000d0a515549540a';

/** Reads a header from chunks, after which the peer ends. */
export function readFrom(chunks: readonly Uint8Array[], { isOptional = false, limit = 16_384 } = {}): HexResult<unknown> {
  return runInHex((link) => readProxyHeader(link, { limit, isOptional }), chunks, 'EPROTOCOL');
}

/** A header of version 2 in hex: command and version, family and transport, then the block. */
export function headerV2(start: string, block = '', length: number = bytesOfHex(block).length): Buffer {
  return bytesOfHex(`${SIGNATURE} ${start} ${length.toString(16).padStart(4, '0')} ${block}`);
}

/** A type-length-value in hex. */
export function tlv(type: number, value: string): string {
  const length = bytesOfHex(value).length;
  return `${type.toString(16).padStart(2, '0')}${length.toString(16).padStart(4, '0')}${value}`;
}

/** The TLV of a checksum that is right, behind a block. */
export function withCrc(start: string, block: string): Uint8Array {
  const header = headerV2(start, `${block}03000400000000`);
  header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

export const hexOf = (text: string): string => Buffer.from(text).toString('hex');
