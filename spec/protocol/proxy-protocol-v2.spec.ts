import { describe, expect, it } from 'vitest';
import { rechunk } from '../../src/testing/rechunk.ts';
import { bytesOfHex } from '../support/bytes-of-hex.ts';
import { headerV2, hexOf, readFrom, SIGNATURE, tlv, withCrc } from './proxy-protocol-tools.ts';

const V4 = 'c0000207 c6336401 c822 01bb';
const client = { address: '192.0.2.7', port: 51234 };
const destination = { address: '198.51.100.1', port: 443 };
const V6 = '20010db8000000000000000000000001 00000000000000000000ffffc0000201 0001 ffff';
const path = (text: string): string => hexOf(text).padEnd(216, '0');
const read = (header: Uint8Array): ReturnType<typeof readFrom> => readFrom([header]);
const resultOf = (start: string, block = ''): unknown => read(headerV2(start, block)).result;
const messageOf = (header: Uint8Array): string => (read(header).error as Error | undefined)?.message ?? 'no error';
const ssl = (flags: string, verify: string, ...values: string[]): string => tlv(0x20, `${flags}${verify}${values.join('')}`);

describe('a header of version 2', () => {
  it.each([
    ['2111', V4, { transport: 'TCP4', client, destination }],
    ['2112', V4, { transport: 'UDP4', client, destination }],
    [
      '2121',
      V6,
      { transport: 'TCP6', client: { address: '2001:db8::1', port: 1 }, destination: { address: '::ffff:192.0.2.1', port: 65535 } },
    ],
    ['2122', V6, { transport: 'UDP6' }],
    ['2131', path('/run/a') + path('/b'), { transport: 'UNIX', client: { path: '/run/a' }, destination: { path: '/b' } }],
    ['2132', path('') + path('\0abstract'), { transport: 'UNIX_DGRAM', client: { path: '' }, destination: { path: '\0abstract' } }],
    ['2131', hexOf('x'.repeat(108)) + path('é'), { client: { path: 'x'.repeat(108) }, destination: { path: 'é' } }],
  ])('with %s has addresses', (start, block, header) => {
    expect(resultOf(start, block)).toMatchObject({ version: 2, command: 'PROXY', ...header });
  });

  it.each([
    ['2100', ''],
    ['2100', '00112233'], // no TLV
    ['2101', V4],
    ['2110', V4],
    ['2120', ''],
    ['2102', 'ff'],
  ])('with %s and %j has no addresses', (start, block) => {
    expect(resultOf(start, block)).toEqual({ version: 2, command: 'PROXY', transport: 'UNKNOWN' });
  });

  it.each([
    ['2000', ''],
    ['2011', V4],
    ['20ff', '0102'],
    ['2011', '01'],
  ])('with LOCAL skips what follows: %s %j', (start, block) => {
    const whole = bytesOfHex(`${Buffer.from(headerV2(start, block)).toString('hex')} feed`);
    expect(read(whole)).toEqual({ output: [], unread: 'feed', result: { version: 2, command: 'LOCAL', transport: 'UNKNOWN' } });
  });

  it('is read at every cut, and leaves the bytes that follow', () => {
    const header = withCrc('2111', V4 + tlv(2, hexOf('example.com')));
    for (const { name, chunks } of rechunk(Buffer.concat([header, header.subarray(0, 14)]), { empty: true, random: 100 }))
      expect(readFrom(chunks), name).toMatchObject({
        result: { client, destination, tlvs: { authority: 'example.com', crc32c: true } },
        unread: `${SIGNATURE}2111`,
      });
  });

  it('reports an end at each byte', () => {
    const header = headerV2('2111', V4);
    for (let length = 1; length < header.length; length += 1)
      expect(messageOf(header.subarray(0, length))).toBe(
        `connection closed by the peer within the PROXY header (${length} bytes received) [EPROTOCOL]`,
      );
  });

  it.each([
    ['version', headerV2('1111', V4)],
    ['version', headerV2('3111', V4)],
    ['command', headerV2('2211', V4)],
    ['command', headerV2('2f11', V4)],
    ['address family', headerV2('2141', V4)],
    ['address family', headerV2('21f1', V4)],
    ['transport protocol', headerV2('2113', V4)],
    ['transport protocol', headerV2('210f', V4)],
    ['length', headerV2('2111', '', 11)],
    ['length', headerV2('2121', '', 35)],
    ['length', headerV2('2131', '', 215)],
    ['length', headerV2('2100', '', 16_369)],
    ['TLV at byte 28', headerV2('2111', `${V4} 05`)],
    ['TLV at byte 28', headerV2('2111', `${V4} 0500`)],
    ['TLV at byte 28', headerV2('2111', `${V4} 050001`)],
    ['TLV at byte 32', headerV2('2111', `${V4} 05000101 050002ff`)],
    ['authority', headerV2('2111', V4 + tlv(2, 'ff'))],
    ['uniqueId', headerV2('2111', V4 + tlv(5, '00'.repeat(129)))],
    ['netns', headerV2('2111', V4 + tlv(0x30, '80'))],
    ['SSL', headerV2('2111', V4 + tlv(0x20, '01000000'))],
    ['TLV at byte 36', headerV2('2111', V4 + ssl('01', '00000000', '2100'))],
    ['TLV at byte 36', headerV2('2111', V4 + ssl('01', '00000000', '210005ff'))],
    ['SSL version', headerV2('2111', V4 + ssl('01', '00000000', tlv(0x21, 'c3a9')))],
    ['SSL commonName', headerV2('2111', V4 + ssl('01', '00000000', tlv(0x22, 'e9')))],
    ['CRC32C', headerV2('2111', V4 + tlv(3, '00000000'))],
    ['CRC32C', headerV2('2111', V4 + tlv(3, '000000'))],
    ['CRC32C', headerV2('2111', V4 + tlv(3, '00000000') + tlv(3, '00000000'))],
    ['CRC32C', headerV2('2000', tlv(3, '00000000'))],
    ['CRC32C', headerV2('2100', tlv(3, '00000000'))],
    ['signature', bytesOfHex('0d0a0d0a000d0a515549540b')],
  ])('is refused for its `%s`', (field, header) => {
    expect(messageOf(header)).toMatch(new RegExp(`^expected \`${field}\` of the PROXY header to be .+, got .+ \\[EPROTOCOL\\]$`));
    expect(read(header).error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake' });
  });

  it.each([
    ['version', `${SIGNATURE}31`],
    ['command', `${SIGNATURE}22`],
    ['address family', `${SIGNATURE}2141`],
    ['length', `${SIGNATURE}21110001`],
  ])('is refused for its `%s` before more has arrived', (field, header) => {
    expect(messageOf(bytesOfHex(header))).toContain(`\`${field}\``);
  });

  it('may be as long as the limit', () => {
    const header = headerV2('2111', V4 + tlv(4, '00'.repeat(1000)));
    expect(readFrom([header], { limit: header.length }).result).toMatchObject({ client });
    expect((readFrom([header], { limit: header.length - 1 }).error as Error).message).toContain(
      `expected \`length\` of the PROXY header to be at most ${header.length - 17}; raise \`limit\` for more, got ${header.length - 16}`,
    );
  });

  it('is refused after a change of any byte that its checksum covers', () => {
    const header = withCrc('2111', V4 + tlv(5, '0102'));
    expect(read(header).result).toMatchObject({ tlvs: { uniqueId: Uint8Array.of(1, 2), crc32c: true } });
    const typeOfChecksum = header.length - 7; // Another type there is a header without a checksum.
    for (let at = 0; at < header.length; at += 1) {
      if (at === typeOfChecksum) continue;
      const changed = Uint8Array.from(header, (byte, index) => (index === at ? byte ^ 0x40 : byte));
      expect(read(changed).error, `byte ${at}`).toMatchObject({ code: 'EPROTOCOL' });
    }
  });

  it('has a checksum that counts wherever it is, also with LOCAL and UNSPEC', () => {
    expect(read(withCrc('2000', '')).result).toEqual({ version: 2, command: 'LOCAL', transport: 'UNKNOWN', tlvs: { crc32c: true } });
    expect(read(withCrc('2100', tlv(5, '07'))).result).toMatchObject({ tlvs: { uniqueId: Uint8Array.of(7), crc32c: true } });
  });
});

describe('the TLVs of a header', () => {
  const tlvsOf = (...values: string[]): unknown => (resultOf('2111', V4 + values.join('')) as { readonly tlvs?: unknown }).tlvs;

  it('have names', () => {
    expect(tlvsOf(tlv(1, hexOf('h2')), tlv(2, hexOf('bücher.test')), tlv(5, '00ff'), tlv(0x30, hexOf('ns1')))).toEqual({
      alpn: 'h2',
      authority: 'bücher.test',
      uniqueId: Uint8Array.of(0, 255),
      netns: 'ns1',
    });
  });

  it('are absent if there is only padding', () => {
    expect(tlvsOf(tlv(4, ''), tlv(4, '010203'))).toBe(undefined);
  });

  it('keep unknown types, and the repetition of a known one', () => {
    expect(tlvsOf(tlv(0xe0, 'aa'), tlv(2, hexOf('a')), tlv(2, hexOf('b')), tlv(0xff, ''))).toEqual({
      authority: 'a',
      others: [
        { type: 0xe0, value: Uint8Array.of(0xaa) },
        { type: 2, value: Uint8Array.of(0x62) },
        { type: 0xff, value: new Uint8Array(0) },
      ],
    });
  });

  it('report the TLS of the client', () => {
    const texts = ['TLSv1.3', 'é.test', 'TLS_AES_256_GCM_SHA384', 'RSA-SHA256', 'RSA2048', 'x25519', 'rsa_pss_rsae_sha256'];
    const values = texts.map((text, at) => tlv(0x21 + at, hexOf(text)));
    expect(tlvsOf(ssl('07', '00000000', ...values, tlv(0x28, '3082'), tlv(0x29, '01')))).toEqual({
      ssl: {
        ...{ isTls: true, hasCertificate: true, hasSessionCertificate: true, isVerified: true, verify: 0 },
        ...{ version: 'TLSv1.3', commonName: 'é.test', cipher: 'TLS_AES_256_GCM_SHA384', signatureAlgorithm: 'RSA-SHA256' },
        ...{ keyAlgorithm: 'RSA2048', group: 'x25519', signatureScheme: 'rsa_pss_rsae_sha256' },
        clientCertificate: Uint8Array.of(0x30, 0x82),
        others: [{ type: 0x29, value: Uint8Array.of(1) }],
      },
    });
  });

  it.each([
    ['01', '00000000', false],
    ['03', '00000000', true],
    ['05', '00000000', true],
    ['07', '00000001', false],
    ['07', 'ffffffff', false],
  ])('with flags %s and verify %s: a verified certificate is %s', (flags, verify, isVerified) => {
    expect(tlvsOf(ssl(flags, verify))).toMatchObject({ ssl: { isVerified, verify: parseInt(verify, 16) } });
  });
});
