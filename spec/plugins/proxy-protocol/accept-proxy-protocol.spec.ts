import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { listen, open, startTls, type IOStream } from 'rxjs-io-stream';
import { acceptProxyProtocol, type AcceptProxyProtocolOptions } from '../../../src/plugins/proxy-protocol/accept-proxy-protocol.ts';
import type { ProxyPeer } from '../../../src/plugins/proxy-protocol/trusted-peers.ts';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { toDuplex } from '../../../src/adapters/to-duplex.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import * as certificates from '../../support/certificates.ts';
import { serving } from '../../support/clients.ts';
import { bytesOfHex } from '../../support/bytes-of-hex.ts';
import { data, inWords } from '../../support/signal-text.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { connectedOver, factsOf, SOCKET } from './proxy-protocol-tools.ts';

const LINE = 'PROXY TCP4 203.0.113.7 198.51.100.1 51234 443\r\n';
const V2 = bytesOfHex('0d0a0d0a000d0a515549540a 2111 000c cb007107 c6336401 c822 01bb').toString('latin1');
const LOCAL = bytesOfHex('0d0a0d0a000d0a515549540a 2000 0000').toString('latin1');
const CLIENT = { address: '203.0.113.7', port: 51234 };
const DESTINATION = { address: '198.51.100.1', port: 443 };
const PEER = { address: '10.0.0.2', port: 40022 };
const OWN = { address: '10.0.0.9', port: 8080 };
const trusted = ['10.0.0.0/8', '::1'];

/** Dials as a proxy, with a socket that nothing reads. */
async function dialled(h: Harness, at: NetConnectOpts): Promise<Socket> {
  const socket = connect(at);
  h.defer(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

describe('acceptProxyProtocol', () => {
  it.each<[string, AcceptProxyProtocolOptions, string]>([
    ['version 1', { trusted: () => true }, LINE],
    ['version 2', { trusted: () => true }, V2],
  ])('keeps the rules of a plugin, with %s', async (_, options, header) => {
    (await checkPlugin(acceptProxyProtocol(options), [{ send: Buffer.from(header, 'latin1') }])).assert();
  });

  it('keeps the rules of a plugin, with an optional header', async () => {
    const plugin = acceptProxyProtocol({ trusted: () => true, mode: 'auto' });
    // Without rule 2, which expects no bytes of a header that ends early: its first bytes may be those of the application.
    const rules = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    (await checkPlugin(plugin, [{ send: LINE }], { rules })).assert();
  });

  it('keeps the rules of a plugin for a peer that is not trusted', async () => {
    (await checkPlugin(acceptProxyProtocol({ trusted: [], mode: 'auto' }), [])).assert();
  });

  it.each([
    ['1', LINE, 1],
    ['2', V2, 2],
  ])('reports the client and the proxy of version %s, then passes the bytes that follow', (_, header, version) => {
    const driver = connectedOver(acceptProxyProtocol({ trusted }));
    driver.wire.emit(data(`${header}hello`));
    const head = { version, command: 'PROXY', transport: 'TCP4' };
    expect(factsOf(driver)).toEqual({ layer: 'proxied', isTrusted: true, ...head, client: CLIENT, destination: DESTINATION, proxy: PEER });
    expect(factsOf(driver).endpoints).toEqual({
      ...{ remoteAddress: CLIENT.address, remotePort: CLIENT.port, localAddress: DESTINATION.address, localPort: DESTINATION.port },
    });
    expect(inWords(driver.up)).toEqual(['connected', 'data hello']);
    expect(driver.wire.down).toEqual([]);
  });

  it('does not announce a connection before its header is complete', () => {
    const driver = connectedOver(acceptProxyProtocol({ trusted }));
    for (const character of LINE.slice(0, -1)) driver.wire.emit(data(character));
    expect([driver.up, driver.error]).toEqual([[], undefined]);
  });

  it.each([
    ['LOCAL', LOCAL, { version: 2, command: 'LOCAL', transport: 'UNKNOWN' }],
    ['UNKNOWN', 'PROXY UNKNOWN 1.2.3.4\r\n', { version: 1, command: 'PROXY', transport: 'UNKNOWN' }],
  ])('keeps the addresses of the socket with %s', (_, header, head) => {
    const driver = connectedOver(acceptProxyProtocol({ trusted }));
    driver.wire.emit(data(header));
    expect(factsOf(driver)).toEqual({ layer: 'proxied', isTrusted: true, ...head, client: PEER, destination: OWN, proxy: PEER });
    expect(factsOf(driver).endpoints).toBe(undefined);
  });

  describe('a peer that is not trusted', () => {
    const stranger = { ...SOCKET, remoteAddress: '203.0.113.66' };

    it.each([
      ['is in no list', stranger, 'a connection from 203.0.113.66;'],
      ['has no address', {}, 'a connection from a peer without an address,'],
    ])('is refused without reading a byte, if it %s', (_, socket, got) => {
      const driver = connectedOver(acceptProxyProtocol({ trusted }), socket);
      expect(driver.error).toMatchObject({ code: 'EPROTOCOL', phase: 'handshake', layer: 'proxied' });
      expect((driver.error as Error).message).toContain(`expected a proxy of \`trusted\`, got ${got}`);
      expect(driver.wire.freed).toBe(true);
    });

    it('is a client itself with `auto`: its header is passed on as bytes', () => {
      const driver = connectedOver(acceptProxyProtocol({ trusted, mode: 'auto' }), stranger);
      expect(factsOf(driver)).toEqual({
        ...{ layer: 'proxied', isTrusted: false, client: { address: '203.0.113.66', port: 40022 }, destination: OWN },
      });
      expect(factsOf(driver).endpoints).toBe(undefined);
      driver.wire.emit(data(LINE));
      expect(inWords(driver.up)).toEqual(['connected', `data ${LINE}`]);
    });
  });

  it('passes the bytes of a trusted peer without a header with `auto`, and its end', () => {
    for (const text of ['GET / HTTP/1.1\r\n', 'PROX', '']) {
      const driver = connectedOver(acceptProxyProtocol({ trusted, mode: 'auto' }));
      for (const character of text) driver.wire.emit(data(character));
      driver.wire.emit({ kind: 'end' });
      expect(factsOf(driver)).toEqual({ layer: 'proxied', isTrusted: true, client: PEER, destination: OWN });
      expect(inWords(driver.up).join('').replaceAll('data ', '')).toBe(`connected${text}end`);
    }
  });

  it.each([
    ['10.0.0.2', true],
    ['::ffff:10.0.0.2', true],
    ['::1', true],
    ['11.0.0.2', false],
    ['::ffff:11.0.0.2', false],
    ['::2', false],
  ])('trusts %s by its list: %s', (remoteAddress, isTrusted) => {
    const driver = connectedOver(acceptProxyProtocol({ trusted }), { ...SOCKET, remoteAddress });
    expect(driver.error === undefined).toBe(isTrusted);
  });

  it('asks a function, with IPv4 that is mapped to IPv6 as IPv4', () => {
    const peers: ProxyPeer[] = [];
    const plugin = acceptProxyProtocol({ trusted: (peer) => peers.push(peer) === 1 });
    const first = connectedOver(plugin, { ...SOCKET, remoteAddress: '::ffff:10.0.0.2' });
    const second = connectedOver(plugin, {});
    expect(peers).toEqual([PEER, { address: undefined, port: undefined }]);
    expect([first.error === undefined, second.error === undefined]).toEqual([true, false]);
  });

  it.each([Promise.resolve(true), 1, 'yes', undefined])('refuses the peer if the function returns %s', (answer) => {
    const driver = connectedOver(acceptProxyProtocol({ trusted: (() => answer) as () => never }));
    expect(driver.error).toMatchObject({ code: 'EPROTOCOL', layer: 'proxied' });
    expect((driver.error as Error).message).toContain('to return a boolean');
  });

  it.each([
    [undefined, 16_384],
    [300, 300],
  ])('with the limit %s takes headers of at most %i bytes', (limit, most) => {
    const errorOf = (size: number): unknown => {
      const driver = connectedOver(acceptProxyProtocol({ trusted, limit }));
      driver.wire.emit(data(V2.slice(0, 14) + String.fromCharCode((size - 16) >> 8, (size - 16) & 255)));
      return driver.error;
    };
    expect(errorOf(most)).toBe(undefined);
    expect(errorOf(most + 1)).toMatchObject({ code: 'EPROTOCOL', layer: 'proxied' });
  });

  it('is not changed by a later change of its list', () => {
    const list = ['10.0.0.2'];
    const plugin = acceptProxyProtocol({ trusted: list });
    list[0] = '203.0.113.66';
    expect(connectedOver(plugin).error).toBe(undefined);
  });

  it.each<[unknown, string]>([
    [undefined, 'an object of options'],
    [{}, '`trusted` of acceptProxyProtocol to be a list of addresses and ranges, or a function'],
    [{ trusted: '10.0.0.1' }, '`trusted`'],
    [{ trusted: ['10.0.0.1', 'localhost'] }, '`trusted[1]` of acceptProxyProtocol to be an IP address or a range'],
    [{ trusted: ['10.0.0.1/8'] }, 'without bits after its prefix, got "10.0.0.1/8"'],
    [{ trusted: [7] }, '`trusted[0]`'],
    [{ trusted, mode: 'always' }, "`mode` of acceptProxyProtocol to be 'required' or 'auto', got \"always\""],
    [{ trusted, limit: 231 }, '`limit` of acceptProxyProtocol to be an integer from 232 to 65551, got 231'],
    [{ trusted, trust: 1 }, 'unknown option `trust`; did you mean `trusted`?'],
  ])('throws a TypeError at the call for %j', (options, message) => {
    const call = (): unknown => acceptProxyProtocol(options as AcceptProxyProtocolOptions);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });
});

describe('a server with acceptProxyProtocol', () => {
  const proxied = acceptProxyProtocol({ trusted: ['127.0.0.1', '::1'] });
  const addressesOf = (io: IOStream): unknown => [io.ip, io.remoteAddress, io.remotePort, io.localAddress, io.localPort];
  const OF_CLIENT = [CLIENT.address, CLIENT.address, CLIENT.port, DESTINATION.address, DESTINATION.port];

  spec('shows the addresses of the client, also through toDuplex', async (h) => {
    const seen: unknown[] = [];
    const { at } = await serving(
      h,
      (io) => {
        seen.push(addressesOf(io), io.details.proxied?.proxy);
        const { remoteAddress, remotePort, remoteFamily } = toDuplex(io);
        seen.push([remoteAddress, remotePort, remoteFamily]);
        return [];
      },
      { plugin: { proxied } },
    );
    const socket = await dialled(h, at);
    socket.write(LINE);
    await h.until(() => seen.length === 3);
    expect(seen).toEqual([OF_CLIENT, { address: '127.0.0.1', port: socket.localPort }, [CLIENT.address, CLIENT.port, 'IPv4']]);
  });

  spec('shows the addresses of the socket after LOCAL', async (h) => {
    const seen: unknown[] = [];
    const { at } = await serving(h, (io) => [seen.push(addressesOf(io))], { plugin: { proxied } });
    const socket = await dialled(h, at);
    socket.write(Buffer.from(LOCAL, 'latin1'));
    await h.until(() => seen.length === 1);
    expect(seen).toEqual([[undefined, '127.0.0.1', socket.localPort, '127.0.0.1', at.port]]);
  });

  spec('reads the header before TLS', async (h) => {
    const seen: unknown[] = [];
    const plugin = { tls: tlsServer(certificates.server), proxied };
    const { at } = await serving(
      h,
      (io) => {
        seen.push(addressesOf(io), io.details.tls?.protocol);
        return io.send(io);
      },
      { plugin },
    );
    const socket = await dialled(h, at);
    socket.write(LINE);
    const io = await open({ fh: socket, plugin: { tls: tlsClient({ ca: certificates.ca, servername: 'localhost' }) } });
    const echo = h.observed(io.data$);
    io.end('hello');
    await echo.ended;
    h.sameBytes(Buffer.concat(echo.values), 'hello');
    expect(seen).toEqual([OF_CLIENT, 'TLSv1.3']);
  });

  spec('keeps the addresses of the client after startTls', async (h) => {
    const seen: unknown[] = [];
    const { at } = await serving(
      h,
      (io) => {
        seen.push(addressesOf(io));
        return startTls(io, { isServer: true, ...certificates.server }).pipe(
          tap((secure) => {
            seen.push(addressesOf(secure), secure.details.proxied?.proxy);
            secure.close();
          }),
        );
      },
      { plugin: { proxied } },
    );
    const socket = await dialled(h, at);
    socket.write(LINE);
    await h.until(() => seen.length === 1);
    const io = await open({ fh: socket, plugin: { tls: tlsClient({ ca: certificates.ca, servername: 'localhost' }) } });
    await h.observed(io.data$).ended;
    expect(seen).toEqual([OF_CLIENT, OF_CLIENT, { address: '127.0.0.1', port: socket.localPort }]);
  });

  spec('drops a peer that sends nothing after timeouts.handshake', async (h) => {
    const { at, errors } = await serving(h, () => [], { plugin: { proxied }, timeouts: { handshake: 50 } });
    await dialled(h, at);
    h.error(await errors.value(), { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'proxied' });
  });

  spec('trusts a UNIX socket by a function', async (h) => {
    const folder = mkdtempSync(join(tmpdir(), 'proxied-'));
    h.defer(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'socket');
    const seen: unknown[] = [];
    const server = h.observed(
      listen({ path, plugin: { proxied: acceptProxyProtocol({ trusted: ({ address }) => address === undefined }) } }, (io) => [
        seen.push(addressesOf(io)),
      ]),
    );
    await server.value();
    const socket = await dialled(h, { path });
    socket.write(LINE);
    await h.until(() => seen.length === 1);
    expect(seen).toEqual([OF_CLIENT]);
  });
});
