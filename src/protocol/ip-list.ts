import { formatIp, parseIp } from './ip-address.ts';
import { networkOf } from './ip-network.ts';
import { hasSamePrefix } from './ip-prefix.ts';

/** A range of addresses: those that agree with `bytes` in the first `bits` bits. */
export interface IpRange {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

const MAPPED = /* @__PURE__ */ Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255);

const ZONE = /%.*$/s;
/** The start of a mapped address as Node's sockets have it. Parsing it as IPv6 takes three times as long. */
const MAPPED_TEXT = /^::ffff:(?=\d+\.)/i;

/** Parses an address as {@link parseIp} does, without its zone. An IPv4 address mapped to IPv6 becomes the IPv4 address. */
export function parsePlainIp(text: string): Uint8Array | undefined {
  const bytes = parseIp(text.replace(ZONE, '').replace(MAPPED_TEXT, ''));
  return bytes && isMapped(bytes) ? bytes.subarray(MAPPED.length) : bytes;
}

/** Formats an address in its shortest form, IPv4 if it is mapped to IPv6. Returns other text unchanged. */
export function plainIp(text: string): string {
  const bytes = parsePlainIp(text);
  return bytes ? formatIp(bytes) : text;
}

/** Formats an address as Node's sockets do: an address mapped to IPv6 as `::ffff:192.0.2.1`. */
export function nodeIp(bytes: Uint8Array): string {
  return isMapped(bytes) ? `::ffff:${formatIp(bytes.subarray(MAPPED.length))}` : formatIp(bytes);
}

/** Converts IPv4 to the IPv6 address that it is mapped to. */
export function mappedIp(bytes: Uint8Array): Uint8Array {
  return bytes.length === 4 ? Uint8Array.of(...MAPPED, ...bytes) : bytes;
}

/**
 * Parses an address or a CIDR range, such as `10.0.0.0/8`. A range of mapped addresses becomes one of IPv4.
 *
 * @returns undefined for other text, and for a range with bits after its prefix: `10.0.0.1/8` is a mistake for one of two things.
 */
export function parseIpRange(text: string): IpRange | undefined {
  const [address = '', prefix, more] = text.split('/');
  const bytes = parseIp(address);
  if (!bytes || more !== undefined || (prefix !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(prefix))) return undefined;
  const bits = prefix === undefined ? 8 * bytes.length : Number(prefix);
  if (bits > 8 * bytes.length || !hasSamePrefix(bytes, networkOf(bytes, bits), 8 * bytes.length)) return undefined;
  const mappedBits = 8 * MAPPED.length;
  return isMapped(bytes) && bits >= mappedBits ? { bytes: bytes.subarray(MAPPED.length), bits: bits - mappedBits } : { bytes, bits };
}

/** Whether an address, as {@link parsePlainIp} returns it, is in the range. */
export function isInRange(address: Uint8Array, { bytes, bits }: IpRange): boolean {
  return hasSamePrefix(address, bytes, bits);
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && MAPPED.every((byte, at) => bytes[at] === byte);
}
