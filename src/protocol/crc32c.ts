/** The polynomial of Castagnoli, with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

/** The remainders of all bytes. Computed at the first use. */
let table: Uint32Array | undefined;

/** Computes the CRC32c checksum of bytes (RFC 4960 appendix B, RFC 3720). */
export function crc32c(bytes: Uint8Array): number {
  const remainders = (table ??= Uint32Array.from({ length: 256 }, (_, byte) => remainderOf(byte)));
  let crc = 0xffffffff;
  for (const byte of bytes) crc = remainders[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function remainderOf(byte: number): number {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
}
