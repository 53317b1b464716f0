import { concatBytes } from '../util/concat-bytes.ts';
import { EMPTY_BYTES } from '../util/empty-bytes.ts';
import { parseIp } from './ip-address.ts';
import { mappedIp, nodeIp } from './ip-list.ts';
import type { Talk } from './need.ts';
import { checkCrc, CRC_TLV, namedTlvs, sealCrc } from './proxy-protocol-named.ts';
import { malformed, type HeaderReader } from './proxy-protocol-reader.ts';
import { parseTlvs } from './proxy-protocol-tlvs.ts';
import type { ProxyAddress, ProxyHeader, ProxyTlvs, ProxyTransport } from './proxy-protocol-types.ts';

export const SIGNATURE_V2: Uint8Array = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

/** The size of the header up to the addresses, in bytes. */
export const FIXED_BYTES = 16;
/** The size of a path, in bytes. */
export const PATH_BYTES = 108;
const VERSION = 2;
const LOCAL = 0;
const PROXY = 1;
const MAX_FAMILY = 3;
const MAX_PROTOCOL = 2;
const TRANSPORTS: Readonly<Record<number, ProxyTransport>> = {
  ...{ 0x11: 'TCP4', 0x12: 'UDP4', 0x21: 'TCP6', 0x22: 'UDP6', 0x31: 'UNIX', 0x32: 'UNIX_DGRAM' },
};
/** The sizes of both addresses with their ports, by address family. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 2 * PATH_BYTES];

/**
 * Reads a header of version 2 after its signature (section 2.2).
 *
 * With LOCAL and with an unspecified family or transport, what follows is accepted, whatever it is. Its TLVs count if they are well-formed.
 *
 * @param limit the maximum size of the header, in bytes.
 */
export function* readV2(reader: HeaderReader, limit: number): Talk<ProxyHeader> {
  const [versionAndCommand = 0] = yield* reader.read(1);
  const command = versionAndCommand & 15;
  if (versionAndCommand >> 4 !== VERSION) throw malformed('version', '2', String(versionAndCommand >> 4));
  if (command > PROXY) throw malformed('command', '0 (LOCAL) or 1 (PROXY)', String(command));
  const [kind = 0] = yield* reader.read(1);
  if (command === PROXY) checkKind(kind);
  const transport = (command === PROXY ? TRANSPORTS[kind] : undefined) ?? 'UNKNOWN';
  const [high = 0, low = 0] = yield* reader.read(2);
  const length = (high << 8) | low;
  const addressBytes = ADDRESS_BYTES[kind >> 4] ?? 0;
  if (transport !== 'UNKNOWN' && length < addressBytes)
    throw malformed('length', `at least ${addressBytes} for the addresses of ${transport}`, String(length));
  if (FIXED_BYTES + length > limit) throw malformed('length', `at most ${limit - FIXED_BYTES}; raise \`limit\` for more`, String(length));
  const block = yield* reader.read(length);
  const rest = block.subarray(addressBytes);
  const start = FIXED_BYTES + addressBytes;
  const header = { version: 2, command: command === LOCAL ? 'LOCAL' : 'PROXY', transport } as const;
  if (transport === 'UNKNOWN') return withTlvs(header, lenientTlvs(rest, start, reader.bytes));
  const tlvs = parseTlvs(rest, start);
  checkCrc(tlvs, reader.bytes);
  return withTlvs({ ...header, ...addressesOf(transport, block) }, namedTlvs(tlvs));
}

function checkKind(kind: number): void {
  if (kind >> 4 > MAX_FAMILY) throw malformed('address family', 'an integer from 0 to 3', String(kind >> 4));
  if ((kind & 15) > MAX_PROTOCOL) throw malformed('transport protocol', 'an integer from 0 to 2', String(kind & 15));
}

/** Parses TLVs where a sender may have put anything: if they are malformed, there are none. A wrong checksum is an error. */
function lenientTlvs(bytes: Uint8Array, start: number, header: Uint8Array): ProxyTlvs {
  const tlvs = resultOf(() => parseTlvs(bytes, start)) ?? [];
  checkCrc(tlvs, header);
  return resultOf(() => namedTlvs(tlvs)) ?? {};
}

function resultOf<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function withTlvs(header: ProxyHeader, tlvs: ProxyTlvs): ProxyHeader {
  return Object.keys(tlvs).length > 0 ? { ...header, tlvs } : header;
}

function addressesOf(transport: ProxyTransport, block: Uint8Array): { readonly client: ProxyAddress; readonly destination: ProxyAddress } {
  if (transport === 'UNIX' || transport === 'UNIX_DGRAM')
    return {
      client: { path: pathOf(block.subarray(0, PATH_BYTES)) },
      destination: { path: pathOf(block.subarray(PATH_BYTES, 2 * PATH_BYTES)) },
    };
  const size = transport.endsWith('4') ? 4 : 16;
  const port = (at: number): number => (block[2 * size + at]! << 8) | block[2 * size + at + 1]!;
  return {
    client: { address: nodeIp(block.subarray(0, size)), port: port(0) },
    destination: { address: nodeIp(block.subarray(size, 2 * size)), port: port(2) },
  };
}

/** Decodes a path up to its NUL. An abstract path starts with NUL, and ends before the NULs that fill the field. */
function pathOf(field: Uint8Array): string {
  const isAbstract = field[0] === 0;
  const nul = field.indexOf(0);
  const end = isAbstract ? field.findLastIndex((byte) => byte !== 0) + 1 : nul < 0 ? field.length : nul;
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(field.subarray(0, end));
}

/** Encodes a header of version 2. @param tlvs the encoded TLVs. With a checksum, its TLV is added as the last. */
export function encodeV2(header: ProxyHeader, tlvs: Uint8Array, hasCrc: boolean): Uint8Array {
  const { command, transport, client = {}, destination = {} } = header;
  const kind = command === 'LOCAL' ? 0 : Number(Object.keys(TRANSPORTS).find((each) => TRANSPORTS[Number(each)] === transport) ?? 0);
  const addresses = kind === 0 ? EMPTY_BYTES : encodeAddresses(kind >> 4, client, destination);
  const block = concatBytes([addresses, tlvs, hasCrc ? CRC_TLV : EMPTY_BYTES]);
  const versionAndCommand = (VERSION << 4) | (command === 'LOCAL' ? LOCAL : PROXY);
  const bytes = concatBytes([SIGNATURE_V2, Uint8Array.of(versionAndCommand, kind, block.length >> 8, block.length & 255), block]);
  return hasCrc ? sealCrc(bytes) : bytes;
}

function encodeAddresses(family: number, client: ProxyAddress, destination: ProxyAddress): Uint8Array {
  if (family === MAX_FAMILY) return concatBytes([pathField(client), pathField(destination)]);
  const addresses = [client.address ?? '', destination.address ?? ''].map((address) => {
    const bytes = parseIp(address) ?? EMPTY_BYTES;
    return family === 2 ? mappedIp(bytes) : bytes;
  });
  const ports = [client.port ?? 0, destination.port ?? 0].map((port) => Uint8Array.of(port >> 8, port & 255));
  return concatBytes([...addresses, ...ports]);
}

function pathField({ path = '' }: ProxyAddress): Uint8Array {
  const field = new Uint8Array(PATH_BYTES);
  field.set(new TextEncoder().encode(path).subarray(0, PATH_BYTES));
  return field;
}
