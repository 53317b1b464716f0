import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connect, type ProxyHeader, type ProxyTlvs } from 'rxjs-io-stream';
import { acceptProxyProtocol } from '../../../src/plugins/proxy-protocol/accept-proxy-protocol.ts';
import type { RelayedConnection } from '../../../src/plugins/proxy-protocol/relayed-ends.ts';
import { sendProxyProtocol, type SendProxyProtocolOptions } from '../../../src/plugins/proxy-protocol/send-proxy-protocol.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { serving } from '../../support/clients.ts';
import { data, inWords, textOf } from '../../support/signal-text.ts';
import { spec } from '../../support/spec.ts';
import { connectedOver, factsOf, SOCKET } from './proxy-protocol-tools.ts';

const ends: RelayedConnection = { remoteAddress: '203.0.113.7', remotePort: 51234, localAddress: '198.51.100.1', localPort: 443 };
const LINE = 'PROXY TCP4 203.0.113.7 198.51.100.1 51234 443\r\n';
const written = (options?: SendProxyProtocolOptions, socket = SOCKET): string =>
  textOf(connectedOver(sendProxyProtocol(options), socket).wire.down);
const hex = (options?: SendProxyProtocolOptions, socket = SOCKET): string =>
  Buffer.from(written(options, socket), 'latin1').toString('hex');
const SIGNATURE = '0d0a0d0a000d0a515549540a';

/** Sends a header, and returns the details that the other side reports. */
function received(options: SendProxyProtocolOptions): Record<string, unknown> {
  const driver = connectedOver(acceptProxyProtocol({ trusted: () => true, limit: 65_551 }));
  driver.wire.emit(data(written(options)));
  return factsOf(driver);
}

describe('sendProxyProtocol', () => {
  it.each<[string, SendProxyProtocolOptions, string]>([
    ['version 1', { version: 1, onBehalfOf: ends }, LINE],
    ['version 2', { onBehalfOf: ends }, written({ onBehalfOf: ends })],
  ])('keeps the rules of a plugin, with %s', async (_, options, header) => {
    (await checkPlugin(sendProxyProtocol(options), [{ expect: Buffer.from(header, 'latin1') }])).assert();
  });

  it('sends the header in one write before other bytes, and waits for no reply', () => {
    const driver = connectedOver(sendProxyProtocol({ version: 1, onBehalfOf: ends }));
    driver.app.next(data('hello'));
    expect([inWords(driver.wire.down), inWords(driver.up)]).toEqual([[`data ${LINE}`, 'data hello'], ['connected']]);
    expect(factsOf(driver)).toEqual({
      ...{ layer: 'proxied', version: 1, command: 'PROXY', transport: 'TCP4' },
      ...{ client: { address: '203.0.113.7', port: 51234 }, destination: { address: '198.51.100.1', port: 443 } },
    });
  });

  it('sends the addresses of its own connection by default, with our end as the client', () => {
    expect(written({ version: 1 })).toBe('PROXY TCP4 10.0.0.9 10.0.0.2 8080 40022\r\n');
    expect(hex()).toBe(`${SIGNATURE}2111000c0a0000090a0000021f909c56`);
  });

  it.each<[string, RelayedConnection, string]>([
    ['IPv4 mapped to IPv6', { ...ends, remoteAddress: '::ffff:203.0.113.7', localAddress: '::ffff:198.51.100.1' }, LINE],
    ['IPv6', { ...ends, remoteAddress: '2001:DB8::1', localAddress: 'fe80::1%eth0' }, 'PROXY TCP6 2001:db8::1 fe80::1 51234 443\r\n'],
    ['both families', { ...ends, localAddress: '2001:db8::1' }, 'PROXY TCP6 ::ffff:cb00:7107 2001:db8::1 51234 443\r\n'],
    ['no addresses', {}, 'PROXY UNKNOWN\r\n'],
  ])('sends %s in version 1', (_, onBehalfOf, line) => {
    expect(written({ version: 1, onBehalfOf })).toBe(line);
  });

  it.each<[string, SendProxyProtocolOptions, string]>([
    ['IPv6', { onBehalfOf: { ...ends, localAddress: '::1' } }, `21210024${'0'.repeat(20)}ffffcb007107${'1'.padStart(32, '0')}c82201bb`],
    ['LOCAL instead of no addresses', { onBehalfOf: {} }, '20000000'],
    ['LOCAL', { command: 'LOCAL' }, '20000000'],
    ['LOCAL with a checksum', { command: 'LOCAL', tlvs: { crc32c: true } }, '20000007030004a9b87e8f'],
  ])('sends %s in version 2', (_, options, bytes) => {
    expect(hex(options)).toBe(SIGNATURE + bytes);
  });

  it('sends the paths of a UNIX socket, and of an abstract one', () => {
    const onBehalfOf = { remotePath: '\0client', localPath: `/${'x'.repeat(107)}` };
    expect(received({ onBehalfOf })).toMatchObject({
      ...{ transport: 'UNIX', client: { path: '\0client' }, destination: { path: `/${'x'.repeat(107)}` } },
    });
  });

  it('reads the addresses once, at the call', () => {
    const given = { ...ends };
    const plugin = sendProxyProtocol({ version: 1, onBehalfOf: given });
    given.remotePort = 1;
    expect(textOf(connectedOver(plugin).wire.down)).toBe(LINE);
  });

  it.each<[unknown, string]>([
    [{ version: 3 }, '`version` of sendProxyProtocol to be 1 or 2, got 3'],
    [{ command: 'local' }, "`command` of sendProxyProtocol to be 'PROXY' or 'LOCAL'"],
    [{ version: 1, tlvs: {} }, '`version` of sendProxyProtocol to be 2 with `tlvs`, got 1'],
    [{ version: 1, command: 'LOCAL' }, "to be 2 with `command: 'LOCAL'`"],
    [{ version: 1, onBehalfOf: { localPath: '/a' } }, 'to be 2 with a path in `onBehalfOf`'],
    [{ onBehalfOf: 'x' }, '`onBehalfOf` of sendProxyProtocol'],
    [{ onBehalfOf: { ...ends, remoteAddress: 'localhost' } }, '`onBehalfOf.remoteAddress` of sendProxyProtocol to be an IP address'],
    [{ onBehalfOf: { ...ends, localPort: 65_536 } }, '`onBehalfOf.localPort` of sendProxyProtocol to be an integer from 0 to 65535'],
    [{ onBehalfOf: { remoteAddress: '1.1.1.1' } }, 'to have all four addresses and ports, got no remotePort'],
    [{ onBehalfOf: { remotePath: 'x'.repeat(109) } }, '`onBehalfOf.remotePath` of sendProxyProtocol to be a path of at most 108 bytes'],
    [{ tlvs: { alpn: 'ā' } }, '`tlvs.alpn` of sendProxyProtocol to be a string whose characters are bytes'],
    [{ tlvs: { netns: 'é' } }, '`tlvs.netns` of sendProxyProtocol to be a string of ASCII'],
    [{ tlvs: { authority: 'x'.repeat(65_536) } }, '`tlvs.authority` of sendProxyProtocol to be a string of at most 65535 bytes'],
    [{ tlvs: { uniqueId: new Uint8Array(129) } }, '`tlvs.uniqueId` of sendProxyProtocol to be a Uint8Array of at most 128 bytes'],
    [{ tlvs: { noop: -1 } }, '`tlvs.noop`'],
    [{ tlvs: { crc32c: 1 } }, '`tlvs.crc32c`'],
    [{ tlvs: { uniqueID: new Uint8Array(1) } }, 'did you mean `uniqueId`?'],
    [{ tlvs: { ssl: { version: 'é' } } }, '`tlvs.ssl.version` of sendProxyProtocol to be a string of ASCII'],
    [{ tlvs: { ssl: { verify: -1 } } }, '`tlvs.ssl.verify`'],
    [
      { tlvs: { others: [{ type: 3, value: new Uint8Array(4) }] } },
      '`tlvs.others[0].type` of sendProxyProtocol to be an integer from 0 to 255 other than 3',
    ],
    [{ tlvs: { ssl: { others: [{ type: 256, value: new Uint8Array(4) }] } } }, '`tlvs.ssl.others[0].type`'],
    [{ tlvs: { others: [{ type: 1 }] } }, '`tlvs.others[0].value`'],
    [{ tlvs: { noop: 65_535, authority: 'a' } }, '`tlvs` of sendProxyProtocol to be at most 65312 bytes, got 65542'],
  ])('throws a TypeError at the call for %j', (options, message) => {
    const call = (): unknown => sendProxyProtocol(options as SendProxyProtocolOptions);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });

  it('lets acceptProxyProtocol read whatever it sends', () => {
    const ascii = fc.string({ unit: 'binary-ascii', maxLength: 40 });
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const bytes = fc.uint8Array({ maxLength: 40 });
    const optional = { requiredKeys: [] };
    // Types without a name: a repeated one would be read under its name.
    const others = fc.array(fc.record({ type: fc.integer({ min: 0xe0, max: 0xff }), value: bytes }), { minLength: 1, maxLength: 3 });
    const ssl = fc.record(
      {
        ...{ isTls: fc.boolean(), hasCertificate: fc.boolean(), hasSessionCertificate: fc.boolean(), verify: fc.nat(0x7fffffff) },
        ...{ version: ascii, commonName: text, cipher: ascii, signatureAlgorithm: ascii, keyAlgorithm: ascii, group: ascii },
        ...{ signatureScheme: ascii, clientCertificate: bytes, others },
      },
      optional,
    );
    const latin = bytes.map((each) => Buffer.from(each).toString('latin1'));
    const tlvs = fc.record(
      { alpn: latin, authority: text, uniqueId: bytes, netns: ascii, ssl, others, crc32c: fc.constant(true) },
      optional,
    );
    const port = fc.integer({ min: 0, max: 65_535 });
    const four = fc.record({ remoteAddress: fc.ipV4(), remotePort: port, localAddress: fc.ipV4(), localPort: port });
    const six = fc.record({ remoteAddress: fc.ipV6(), remotePort: port, localAddress: fc.ipV6(), localPort: port });
    fc.assert(
      fc.property(fc.oneof(four, six), fc.constantFrom(1 as const, 2 as const), tlvs, (onBehalfOf, version, given) => {
        const sent = connectedOver(sendProxyProtocol({ version, onBehalfOf, ...(version === 2 ? { tlvs: given } : {}) }));
        const { isTrusted, proxy, tlvs: found, ...header } = received({ version, onBehalfOf, ...(version === 2 ? { tlvs: given } : {}) });
        expect([isTrusted, proxy]).toEqual([true, { address: SOCKET.remoteAddress, port: SOCKET.remotePort }]);
        expect(header).toEqual(factsOf(sent));
        if (version === 2) expect(withoutDefaults(found as ProxyTlvs | undefined)).toEqual(withoutDefaults(given));
      }),
      { numRuns: 500 },
    );
  });

  it('sends received TLVs again as they were', () => {
    const tlvs = { ssl: { hasCertificate: true, isVerified: true, commonName: 'me' }, authority: 'a.test', crc32c: true };
    const first = received({ onBehalfOf: ends, tlvs });
    expect(received({ onBehalfOf: ends, tlvs: first.tlvs as ProxyTlvs })).toEqual(first);
  });

  it('pads with a NOOP of the wanted length', () => {
    expect(hex({ onBehalfOf: {}, tlvs: { noop: 2 } })).toBe(`${SIGNATURE}200000050400020000`);
  });
});

/** Removes what encoding adds: the flags that are false, and the result of the verification. */
function withoutDefaults(tlvs: ProxyTlvs = {}): ProxyTlvs {
  const { ssl, ...own } = tlvs;
  if (!ssl) return own;
  const { isTls = true, hasCertificate = false, hasSessionCertificate = false, verify = 1, isVerified: _, ...values } = ssl;
  return { ...own, ssl: { isTls, hasCertificate, hasSessionCertificate, verify, ...values } };
}

describe('a relay with sendProxyProtocol', () => {
  spec('shows the server the client of the accepted stream', async (h) => {
    const seen: unknown[] = [];
    const proxied = acceptProxyProtocol({ trusted: ['127.0.0.1'] });
    const server = await serving(
      h,
      (io) => {
        seen.push([io.remoteAddress, io.remotePort, io.localPort]);
        return io.send(io);
      },
      { plugin: { proxied } },
    );
    const headers: ProxyHeader[] = [];
    const front = await serving(h, (io) =>
      connect({ ...server.at, plugin: { header: sendProxyProtocol({ onBehalfOf: io, tlvs: { crc32c: true } }) } }, (up) => {
        headers.push(up.details.header);
        return up.send(io.data$);
      }),
    );
    const down = await h.observed(connect(front.at)).value();
    down.write('hello');
    await h.until(() => seen.length === 1);
    expect(seen).toEqual([['127.0.0.1', down.localPort, front.at.port]]);
    expect(headers[0]?.transport).toBe('TCP4');
    down.reset();
  });
});
