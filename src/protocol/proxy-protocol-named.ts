import { crc32c } from './crc32c.ts';
import { malformed } from './proxy-protocol-reader.ts';
import { encodeTlvs, parseTlvs, type PlacedTlv } from './proxy-protocol-tlvs.ts';
import type { ProxySsl, ProxyTlv, ProxyTlvs } from './proxy-protocol-types.ts';

/** How a value is encoded. `latin1`: each character is a byte. */
export type TlvFormat = 'ascii' | 'utf8' | 'latin1' | 'bytes';

/** The types that are a single text or bytes: the format, and the maximum length in bytes. */
export type TlvTable = Readonly<Record<string, readonly [type: number, format: TlvFormat, limit?: number]>>;

/** The maximum length of a value. */
export const MAX_VALUE = 65535;
const CRC32C = 0x03;
const NOOP = 0x04;
const SSL = 0x20;
/** The flags and the result of the verification, before the values of a PP2_TYPE_SSL. */
const SSL_HEAD = 5;
const CLIENT_SSL = 1;
const CLIENT_CERT_CONN = 2;
const CLIENT_CERT_SESS = 4;

export const TLVS: TlvTable = {
  alpn: [0x01, 'latin1'],
  authority: [0x02, 'utf8'],
  uniqueId: [0x05, 'bytes', 128],
  netns: [0x30, 'ascii'],
};
export const SSL_TLVS: TlvTable = {
  version: [0x21, 'ascii'],
  commonName: [0x22, 'utf8'],
  cipher: [0x23, 'ascii'],
  signatureAlgorithm: [0x24, 'ascii'],
  keyAlgorithm: [0x25, 'ascii'],
  group: [0x26, 'ascii'],
  signatureScheme: [0x27, 'ascii'],
  clientCertificate: [0x28, 'bytes'],
};

/** The TLV of a checksum that is not computed yet. */
export const CRC_TLV: Uint8Array = Uint8Array.of(CRC32C, 0, 4, 0, 0, 0, 0);

/** Names the values by their types. The first of a repeated type counts, further ones stay in `others`. */
export function namedTlvs(tlvs: readonly PlacedTlv[]): ProxyTlvs {
  const ssl = tlvs.find(({ type }) => type === SSL);
  const rest = tlvs.filter((tlv) => tlv !== ssl && tlv.type !== NOOP && tlv.type !== CRC32C);
  return {
    ...named(rest, TLVS),
    ...(ssl ? { ssl: parseSsl(ssl) } : {}),
    ...(tlvs.some(({ type }) => type === CRC32C) ? { crc32c: true } : {}),
  };
}

function parseSsl({ value, at }: PlacedTlv): ProxySsl {
  if (value.length < SSL_HEAD) throw malformed('SSL', `at least ${SSL_HEAD} bytes`, `${value.length} bytes`);
  const [flags = 0] = value;
  const verify = new DataView(value.buffer, value.byteOffset).getUint32(1);
  const hasCertificate = (flags & CLIENT_CERT_CONN) !== 0;
  const hasSessionCertificate = (flags & CLIENT_CERT_SESS) !== 0;
  const isVerified = verify === 0 && (hasCertificate || hasSessionCertificate);
  const facts = { isTls: (flags & CLIENT_SSL) !== 0, hasCertificate, hasSessionCertificate, isVerified, verify };
  return { ...facts, ...named(parseTlvs(value.subarray(SSL_HEAD), at + SSL_HEAD), SSL_TLVS, 'SSL ') };
}

function named(tlvs: readonly PlacedTlv[], table: TlvTable, prefix = ''): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  const others: ProxyTlv[] = [];
  for (const { type, value } of tlvs) {
    const [name, row] = Object.entries(table).find(([each, [known]]) => known === type && !(each in values)) ?? [];
    if (name === undefined || !row) others.push({ type, value });
    else values[name] = decoded(`${prefix}${name}`, value, row[1], row[2]);
  }
  return others.length > 0 ? { ...values, others } : values;
}

function decoded(field: string, value: Uint8Array, format: TlvFormat, limit = MAX_VALUE): string | Uint8Array {
  if (value.length > limit) throw malformed(field, `at most ${limit} bytes`, `${value.length} bytes`);
  if (format === 'bytes') return value;
  if (format === 'utf8') {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
    } catch {
      throw malformed(field, 'UTF-8', 'other bytes');
    }
  }
  if (format === 'ascii' && value.some((byte) => byte > 0x7f)) throw malformed(field, 'ASCII', 'other bytes');
  return Array.from(value, (byte) => String.fromCharCode(byte)).join('');
}

/** Encodes the values of a header, without the checksum. */
export function encodeNamed({ ssl, noop, others = [], ...values }: ProxyTlvs): Uint8Array {
  return encodeTlvs([
    ...listed(values, TLVS),
    ...(ssl ? [{ type: SSL, value: encodeSsl(ssl) }] : []),
    ...others,
    ...(noop === undefined ? [] : [{ type: NOOP, value: new Uint8Array(noop) }]),
  ]);
}

function encodeSsl(ssl: ProxySsl): Uint8Array {
  const { isTls = true, hasCertificate = false, hasSessionCertificate = false, isVerified = false, others = [] } = ssl;
  const { verify = isVerified ? 0 : 1 } = ssl;
  const flags = (isTls ? CLIENT_SSL : 0) | (hasCertificate ? CLIENT_CERT_CONN : 0) | (hasSessionCertificate ? CLIENT_CERT_SESS : 0);
  const head = new DataView(new ArrayBuffer(SSL_HEAD));
  head.setUint8(0, flags);
  head.setUint32(1, verify);
  return Uint8Array.of(...new Uint8Array(head.buffer), ...encodeTlvs([...listed(ssl, SSL_TLVS), ...others]));
}

function listed(values: object, table: TlvTable): readonly ProxyTlv[] {
  return Object.entries(table).flatMap(([name, [type, format]]) => {
    const value = (values as Readonly<Record<string, unknown>>)[name];
    return value === undefined ? [] : [{ type, value: encoded(value as string | Uint8Array, format) }];
  });
}

/** Encodes one value. Text that is not UTF-8 has only characters that are bytes. */
export function encoded(value: string | Uint8Array, format: TlvFormat): Uint8Array {
  if (typeof value !== 'string') return value;
  return format === 'utf8' ? new TextEncoder().encode(value) : Uint8Array.from(value, (character) => character.charCodeAt(0));
}

/** Checks the checksum, if there is one (section 2.2.3). @param header the whole header. */
export function checkCrc(tlvs: readonly PlacedTlv[], header: Uint8Array): void {
  const [tlv, another] = tlvs.filter(({ type }) => type === CRC32C);
  if (!tlv) return;
  if (another) throw malformed('CRC32C', 'there once', 'it twice');
  if (tlv.value.length !== 4) throw malformed('CRC32C', '4 bytes', `${tlv.value.length} bytes`);
  const zeroed = header.slice();
  zeroed.fill(0, tlv.at, tlv.at + 4);
  const expected = new DataView(tlv.value.buffer, tlv.value.byteOffset).getUint32(0);
  if (crc32c(zeroed) !== expected) throw malformed('CRC32C', 'the checksum of the header', 'another: the header was changed on its way');
}

/** Writes the checksum into the last four bytes, which are zero. */
export function sealCrc(header: Uint8Array): Uint8Array {
  new DataView(header.buffer, header.byteOffset).setUint32(header.length - 4, crc32c(header));
  return header;
}
