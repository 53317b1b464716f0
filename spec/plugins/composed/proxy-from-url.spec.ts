import { once } from 'node:events';
import { connect as connectTo, type AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { inspect } from 'node:util';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { IOStream, proxyFromUrl, stack, type Lookup, type ProxyFromUrlOptions } from 'rxjs-io-stream';
import { testDial } from '../../../src/testing/test-dial.ts';
import * as certificates from '../../support/certificates.ts';
import { type Harness } from '../../support/harness.ts';
import { nodeProxy } from '../../support/http-proxies.ts';
import { served } from '../../support/loopback.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { data, textOf } from '../../support/signal-text.ts';
import { spec } from '../../support/spec.ts';

const TARGET = { host: 'target.test', port: 443 };
const lookup: Lookup = (_host, _options, callback) => callback(null, [{ address: '192.0.2.7', family: 4 }]);
const hex = (text: string): string => Buffer.from(text).toString('hex');

/** Dials the target through the plugins of a URL, over a scripted wire. Returns the dialled address and what is sent, in hexadecimal. */
function sentBy(url: string | URL, replies: readonly string[] = [], options?: ProxyFromUrlOptions): readonly [to: unknown, sent: string] {
  const driver = new PluginDriver((wire) => stack(proxyFromUrl(url, options), wire), { dial: testDial({ to: TARGET }) });
  driver.wire.connect();
  for (const reply of replies) driver.wire.emit(data(Buffer.from(reply, 'hex').toString('latin1')));
  return [driver.wire.dials[0]?.to, Buffer.from(textOf(driver.wire.down), 'latin1').toString('hex')];
}

const NAME = `030b${hex(TARGET.host)}01bb`;

describe('proxyFromUrl', () => {
  it.each<[url: string, replies: string[], port: number, sent: string]>([
    ['socks5h://127.0.0.1', ['0500'], 1080, `050100050100${NAME}`],
    ['socks5://127.0.0.1', ['0500'], 1080, '05010005010001c000020701bb'],
    ['SOCKS5H://127.0.0.1:7', ['0500'], 7, `050100050100${NAME}`],
    ['socks4a://me@127.0.0.1', [], 1080, `040101bb00000001${hex('me')}00${hex(TARGET.host)}00`],
    ['socks4://me@127.0.0.1:9', [], 9, `040101bbc0000207${hex('me')}00`],
    ['http://127.0.0.1', [], 80, hex('CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n')],
    ['http://127.0.0.1:3128', [], 3128, hex('CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n')],
  ])('dials %s, and requests what its scheme resolves', (url, replies, port, sent) => {
    for (const given of [url, new URL(url)]) {
      const [to, bytes] = sentBy(given, replies, { lookup });
      expect(to).toEqual({ host: '127.0.0.1', port });
      expect(bytes.startsWith(sent)).toBe(true);
    }
  });

  it('decodes user and password', () => {
    const [, socks] = sentBy('socks5h://m%3Ae:p%40ss%25@127.0.0.1', ['0502']);
    expect(socks).toContain(`0103${hex('m:e')}05${hex('p@ss%')}`);
    const [, http] = sentBy('http://me:p%40ss@127.0.0.1');
    expect(Buffer.from(http, 'hex').toString()).toContain(`Proxy-Authorization: Basic ${btoa('me:p@ss')}`);
  });

  it('lists the plugins in the order of a stack', () => {
    expect(Object.keys(proxyFromUrl('socks5://proxy.test'))).toEqual(['proxy']);
    expect(Object.keys(proxyFromUrl('https://proxy.test'))).toEqual(['proxy', 'proxyTls']);
  });

  it('dials port 443 for https', () => {
    expect(sentBy('https://proxy.test')[0]).toEqual({ host: 'proxy.test', port: 443 });
  });

  spec('verifies a proxy over TLS by its own name, before it sends the credentials', async (h) => {
    h.secret('hunter2');
    const inner = await nodeProxy(h, { credentials: 'me:hunter2' });
    const port = await tlsFront(h, inner.port);
    const target = (await served(h, (socket) => socket.end('payload'))) as { host: string; port: number };
    const url = `https://me:hunter2@127.0.0.1:${port}`;
    const trusted = new IOStream({ ...target, plugin: proxyFromUrl(url, { tls: { ca: certificates.ca } }) });
    const seen = h.observed(trusted.data$);
    await seen.ended;
    h.sameBytes(seen.values, 'payload');
    const untrusted = new IOStream({ ...target, plugin: proxyFromUrl(url) });
    h.watch(untrusted);
    const { error } = await firstValueFrom(untrusted.closed$);
    h.error(error, { code: 'ETLSCERT', layer: 'proxyTls' });
  });

  it.each<[url: unknown, message: string]>([
    ['ftp://me:hunter2@h0st', 'expected the URL of proxyFromUrl to have the scheme http: or https: or socks5:'],
    ['me:hunter2@h0st:1080', 'expected the URL of proxyFromUrl to be http://user:password@host:port, got 20 characters without a scheme'],
    ['constructor://me:hunter2@h0st', 'got constructor:'],
    ['socks5://me:hunter2@h0st:99999', 'that cannot be read so'],
    ['http://me:hunter2@h0st/path', 'no path, query or fragment'],
    ['socks4://me:hunter2@h0st', 'expected the URL of a SOCKS4 proxy to have no password'],
    [`socks5://me:hunter2${'x'.repeat(255)}@h0st`, 'expected `pass` of socks5 to be a string of 0 to 255 bytes'],
    [undefined, 'got 9 characters without a scheme'],
  ])('refuses %j, and its message has no part of it but the scheme', (url, message) => {
    const thrown = thrownBy(() => proxyFromUrl(url as string));
    expect(thrown).toBeInstanceOf(TypeError);
    expect((thrown as Error).message).toContain(message);
    expect(inspect(thrown, { depth: 9, showHidden: true })).not.toMatch(/hunter2|h0st/);
  });

  it.each<[options: object, message: string]>([
    [{ tls: true }, 'expected `tls` of proxyFromUrl to be an object'],
    [{ tls: { ca: 7 } }, '`ca`'],
    [{ lookup: 'dns' }, 'expected `lookup` of proxyFromUrl'],
    [{ pass: 'hunter2' }, 'unknown option `pass`'],
  ])('refuses the options %j', (options, message) => {
    expect(() => proxyFromUrl('https://proxy.test', options)).toThrow(TypeError);
    expect(() => proxyFromUrl('https://proxy.test', options)).toThrow(message);
  });
});

/** A TLS server on loopback that forwards to a port. */
async function tlsFront(h: Harness, to: number): Promise<number> {
  const server = createTlsServer(certificates.server, (socket) => {
    const upstream = connectTo({ host: '127.0.0.1', port: to });
    pipeline(socket, upstream, socket, () => {});
    h.defer(() => [socket, upstream].forEach((each) => each.destroy()));
  }).listen(0, '127.0.0.1');
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  h.defer(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
