/** The flags of a segment (RFC 9293, section 3.1). */
export const TCP = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

const TCP_PROTOCOL = 6;
const HOP_LIMIT = 64;
const DONT_FRAGMENT = 0x4000;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const TCP_BYTES = 20;

/** The exponent of the window scale: a window of 65,535 stands for 1 GiB. */
export const WINDOW_SCALE = 14;
export const MAX_WINDOW = 65_535;
/** The maximum payload of a packet, in bytes: the length of an IPv4 packet has 16 bits. */
export const MAX_SEGMENT: number = 65_535 - IPV4_BYTES - TCP_BYTES;

/** The options of a SYN: maximum segment size, no operation, window scale (RFC 7323). */
const SYN_OPTIONS: readonly number[] = [2, 4, MAX_SEGMENT >> 8, MAX_SEGMENT & 255, 1, 3, 3, WINDOW_SCALE];

/** One end of a TCP connection. */
export interface TcpEnd {
  /** 4 bytes for IPv4, 16 for IPv6. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** A segment. */
export interface TcpSegment {
  readonly from: TcpEnd;
  /** Of the same family as `from`. */
  readonly to: TcpEnd;
  /** The number of the first byte, modulo 2³². */
  readonly sequence: number;
  /** The number of the next byte expected from the other end; 0 without the flag ACK. */
  readonly acknowledgment: number;
  /** Values of {@link TCP}. */
  readonly flags: number;
  readonly window: number;
  readonly payload: Uint8Array;
}

/**
 * Encodes the IP and TCP headers of a segment, with valid checksums. The payload follows them in the packet.
 *
 * ```text
 *   IPv4 (20) or IPv6 (40) │ TCP (20; a SYN has 8 bytes of options) │ payload
 * ```
 *
 * No packet is a fragment: a payload has at most {@link MAX_SEGMENT} bytes.
 */
export function encodeTcpHeaders({ from, to, sequence, acknowledgment, flags, window, payload }: TcpSegment): Uint8Array {
  const isV4 = from.address.length === 4;
  const start = isV4 ? IPV4_BYTES : IPV6_BYTES;
  const options = flags & TCP.SYN ? SYN_OPTIONS : [];
  const tcpBytes = TCP_BYTES + options.length;
  const headers = new Uint8Array(start + tcpBytes);
  const view = new DataView(headers.buffer);
  const length = tcpBytes + payload.length;
  if (isV4) putIpv4(view, length);
  else putIpv6(view, length);
  const addresses = isV4 ? 12 : 8;
  headers.set(from.address, addresses);
  headers.set(to.address, addresses + to.address.length);
  if (isV4) view.setUint16(10, checksumOf(sumOf(headers.subarray(0, start))));
  view.setUint16(start, from.port);
  view.setUint16(start + 2, to.port);
  view.setUint32(start + 4, sequence);
  view.setUint32(start + 8, acknowledgment);
  view.setUint16(start + 12, ((tcpBytes / 4) << 12) | flags);
  view.setUint16(start + 14, window);
  headers.set(options, start + TCP_BYTES);
  // The pseudo header: both addresses, which precede the TCP header, the protocol, and the length of the segment.
  const pseudo = TCP_PROTOCOL + length;
  view.setUint16(start + 16, checksumOf(sumOf(headers.subarray(addresses)) + sumOf(payload) + pseudo));
  return headers;
}

/** @param length the bytes after the header. */
function putIpv4(view: DataView, length: number): void {
  view.setUint16(0, 0x4500);
  view.setUint16(2, IPV4_BYTES + length);
  view.setUint16(6, DONT_FRAGMENT);
  view.setUint16(8, (HOP_LIMIT << 8) | TCP_PROTOCOL);
}

/** @param length the bytes after the header. */
function putIpv6(view: DataView, length: number): void {
  view.setUint16(0, 0x6000);
  view.setUint16(4, length);
  view.setUint16(6, (TCP_PROTOCOL << 8) | HOP_LIMIT);
}

/**
 * Adds the bytes as numbers of 32 bits, which is as good as 16 for a sum in one's complement, and takes half the time. The last bytes
 * are padded with zeros. At most 64 KiB: the sum is below 2⁴⁶.
 */
function sumOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const whole = bytes.length & ~3;
  let sum = 0;
  for (let at = 0; at < whole; at += 4) sum += view.getUint32(at);
  for (let at = whole; at < bytes.length; at += 1) sum += bytes[at]! * 2 ** (24 - 8 * (at - whole));
  return sum;
}

/** Returns the one's complement of a sum in one's complement arithmetic (RFC 1071). */
function checksumOf(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded % 0x10000);
  return ~folded & 0xffff;
}
