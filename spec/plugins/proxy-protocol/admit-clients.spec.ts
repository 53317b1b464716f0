import { connect, type Socket } from 'node:net';
import { BehaviorSubject, Subject, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { acceptProxyProtocol, tlsServer, type AdmitRules, type IOStream, type ListenOptions } from 'rxjs-io-stream';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { bytesOfHex } from '../../support/bytes-of-hex.ts';
import * as certificates from '../../support/certificates.ts';
import { client, serving, type Client } from '../../support/clients.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const TRUSTED = ['127.0.0.1', '::1'];
const LOCAL = bytesOfHex('0d0a0d0a000d0a515549540a 2000 0000');
const UNIX = Buffer.concat([bytesOfHex('0d0a0d0a000d0a515549540a 2131 00d8'), Buffer.alloc(216, 'x')]);
const headerOf = (address: string): string =>
  address.includes(':') ? `PROXY TCP6 ${address} 2001:db8::9 51234 443\r\n` : `PROXY TCP4 ${address} 198.51.100.1 51234 443\r\n`;

/** Listens behind a proxy, and greets each client with its address. */
function servingBy(
  h: Harness,
  admit: AdmitRules | Observable<AdmitRules>,
  { mode, ...options }: Partial<ListenOptions> & { mode?: 'auto' } = {},
): ReturnType<typeof serving> {
  const proxied = acceptProxyProtocol({ trusted: TRUSTED, mode, admit });
  const greet = (io: IOStream): Observable<Buffer> => {
    io.write(`hello ${io.remoteAddress}`);
    return io.data$;
  };
  return serving(h, greet, { plugin: { proxied }, ...options });
}

/** Dials as a proxy, with this header. */
async function dialled(h: Harness, at: Parameters<typeof client>[1], header: string | Uint8Array): Promise<Client> {
  const dialled = await client(h, at);
  dialled.socket.write(header);
  await h.until(() => dialled.text !== '' || dialled.closed || dialled.ended, 'served or refused');
  return dialled;
}

const isServed = ({ text }: Client): boolean => text.startsWith('hello ');

describe('admit of acceptProxyProtocol', () => {
  it('keeps the rules of a plugin', async () => {
    const plugin = acceptProxyProtocol({ trusted: () => true, admit: { perAddress: 1_000_000 } });
    (await checkPlugin(plugin, [{ send: headerOf('203.0.113.7') }])).assert();
  });

  spec.each<[AdmitRules, refused: string, admitted: string, rule: string]>([
    [{ deny: ['203.0.113.0/24'] }, '203.0.113.7', '203.0.114.7', 'deny'],
    [{ allow: ['203.0.113.0/24'] }, '203.0.114.7', '203.0.113.7', 'allow'],
    [{ allow: ['2001:db8:1::/48'] }, '2001:db8:2::1', '2001:db8:1::1', 'allow'],
  ])('by %j refuses the client %s, and admits %s', async (h, admit, refused, admitted, rule) => {
    const { server, at, errors } = await servingBy(h, admit);
    expect((await dialled(h, at, headerOf(admitted))).text).toBe(`hello ${admitted}`);
    expect(isServed(await dialled(h, at, headerOf(refused)))).toBe(false);
    const [error] = errors.values as [Error];
    h.error(error, { code: 'EBLOCKED', phase: 'handshake', layer: 'proxied' });
    expect(error).toMatchObject({ rule, address: refused, port: 51234 });
    await h.until(() => server.size === 1, 'the refused connection has closed');
  });

  spec('serves exactly 10 of 30 connections of one client, and another client of the same proxy', async (h) => {
    const { server, at } = await servingBy(h, { perAddress: 10 });
    const clients = await Promise.all(Array.from({ length: 30 }, () => dialled(h, at, headerOf('203.0.113.7'))));
    const served = clients.filter(isServed);
    expect(served.length).toBe(10);
    expect(isServed(await dialled(h, at, headerOf('203.0.113.8')))).toBe(true);
    served[0]?.socket.destroy();
    served[1]?.socket.resetAndDestroy();
    await h.until(() => server.size === 9, 'two have closed');
    const later = [];
    for (let each = 0; each < 3; each += 1) later.push(isServed(await dialled(h, at, headerOf('203.0.113.7'))));
    expect(later).toEqual([true, true, false]);
  });

  spec('judges a client before TLS', async (h) => {
    const { key, cert } = certificates.server;
    const proxied = acceptProxyProtocol({ trusted: TRUSTED, admit: { allow: [] } });
    const { at, errors } = await serving(h, (io) => io.send(io), { plugin: { tls: tlsServer({ key, cert }), proxied } });
    expect(isServed(await dialled(h, at, headerOf('203.0.113.7')))).toBe(false);
    h.error(errors.values[0], { code: 'EBLOCKED', phase: 'handshake', layer: 'proxied' });
  });

  spec('admits health checks of the proxy', async (h) => {
    const { at } = await servingBy(h, { allow: [], perAddress: 1 });
    for (let each = 0; each < 3; each += 1) expect((await dialled(h, at, LOCAL)).text).toBe('hello 127.0.0.1');
  });

  spec('judges a client without an address by perSecond only', async (h) => {
    const admit = new BehaviorSubject<AdmitRules>({ allow: [], perAddress: 1 });
    const { at, errors } = await servingBy(h, admit);
    const served = [isServed(await dialled(h, at, UNIX))];
    admit.next({ allow: [], perAddress: 1, perSecond: 0.01 }); // One in 100 s.
    for (let each = 0; each < 2; each += 1) served.push(isServed(await dialled(h, at, UNIX)));
    expect(served).toEqual([true, true, false]);
    expect(errors.values).toMatchObject([{ rule: 'perSecond' }]);
  });

  spec('judges the proxy itself, if its header has no client', async (h) => {
    const { at, errors } = await servingBy(h, { deny: ['127.0.0.1'] });
    expect(isServed(await dialled(h, at, 'PROXY UNKNOWN\r\n'))).toBe(false);
    expect(errors.values).toMatchObject([{ rule: 'deny', address: '127.0.0.1' }]);
  });

  spec("judges a peer that is not trusted by its own address, with mode 'auto'", async (h) => {
    const { at, errors } = await servingBy(h, { deny: ['127.0.0.2'] }, { mode: 'auto' });
    expect(isServed(await dialled(h, { ...at, localAddress: '127.0.0.2' }, headerOf('203.0.113.7')))).toBe(false);
    expect(isServed(await dialled(h, { ...at, localAddress: '127.0.0.3' }, 'anything'))).toBe(true);
    expect(errors.values).toMatchObject([{ rule: 'deny', address: '127.0.0.2' }]);
  });

  spec('follows the rules of an Observable, and admits no client while it has none', async (h) => {
    const admit = new BehaviorSubject<AdmitRules>({ perAddress: 1 });
    const { at } = await servingBy(h, admit);
    expect(isServed(await dialled(h, at, headerOf('203.0.113.7')))).toBe(true);
    expect(isServed(await dialled(h, at, headerOf('203.0.113.7')))).toBe(false);
    admit.next({ perAddress: 2 });
    expect(isServed(await dialled(h, at, headerOf('203.0.113.7')))).toBe(true);
    admit.next({ perAddress: 0 });
    expect(isServed(await dialled(h, at, headerOf('203.0.113.8')))).toBe(false);
    const { at: without } = await servingBy(h, new Subject<AdmitRules>());
    expect(isServed(await dialled(h, without, headerOf('203.0.113.7')))).toBe(false);
  });

  spec('keeps nothing of a proxy that leaves within its header', async (h) => {
    const { server, at } = await servingBy(h, { perAddress: 1 });
    const leave = (header: string): Promise<void> =>
      new Promise((resolve) => {
        const socket: Socket = connect(at)
          .on('error', () => {})
          .on('close', () => resolve());
        socket.end(header);
        socket.resume();
      });
    for (const cut of [0, 5, 20]) await leave(headerOf('203.0.113.7').slice(0, cut));
    await leave(headerOf('203.0.113.7'));
    await h.until(() => server.size === 0, 'all have closed');
    expect(isServed(await dialled(h, at, headerOf('203.0.113.7')))).toBe(true);
  });

  it.each<[admit: unknown, message: string]>([
    [{ deny: ['10.0.0.1/8'] }, 'expected `admit.deny[0]` of acceptProxyProtocol to be an IP address or a range'],
    [{ perAddress: 0 }, 'expected `admit.perAddress` of acceptProxyProtocol'],
    [true, 'expected `admit` of acceptProxyProtocol to be rules such as { perAddress: 10 }, or an Observable of them'],
  ])('throws at the call for %j', (admit, message) => {
    expect(() => acceptProxyProtocol({ trusted: [], admit: admit as AdmitRules })).toThrow(TypeError);
    expect(() => acceptProxyProtocol({ trusted: [], admit: admit as AdmitRules })).toThrow(message);
  });
});
