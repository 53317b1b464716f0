import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { httpProxy, IOStream, type HttpProxyOptions, type IOStreamOptions, type Lookup } from 'rxjs-io-stream';
import type { Harness } from '../../support/harness.ts';
import { scriptedProxy } from '../../support/http-proxies.ts';
import { spec } from '../../support/spec.ts';

const OPENED = 'HTTP/1.1 200 OK\r\n\r\n';
const REFUSED = 'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="a"\r\nConnection: close\r\n\r\n';

/** A resolver with these addresses, that counts its calls. */
function finding(...addresses: string[]): { lookup: Lookup; calls: () => number } {
  let calls = 0;
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const lookup: Lookup = (_host, _options, callback) => {
    calls += 1;
    callback(null, found);
  };
  return { lookup, calls: () => calls };
}

/** Connects to port 7 of `target.test`. Resolves with the error, or with undefined when it was connected. */
async function outcome(h: Harness, proxy: HttpProxyOptions, options: Partial<IOStreamOptions> = {}): Promise<unknown> {
  const io = new IOStream({ host: 'target.test', port: 7, plugin: { proxy: httpProxy(proxy) }, ...options });
  const { closed } = h.watch(io);
  await h.until(() => io.state === 'open' || closed.values.length > 0);
  if (io.state === 'open') io.reset();
  return (await firstValueFrom(io.closed$)).error;
}

describe("httpProxy with `resolve: 'local'`", () => {
  spec.each([
    ['an IPv4 address', '192.0.2.1', '192.0.2.1:7'],
    ['an IPv6 address in brackets', '2001:db8::1', '[2001:db8::1]:7'],
  ])('requests %s instead of the name', async (h, _, address, authority) => {
    const { place, requests } = await scriptedProxy(h, ({ socket }) => socket.write(OPENED));
    const { lookup } = finding(address);
    expect(await outcome(h, { ...place, resolve: 'local', lookup })).toBeUndefined();
    expect(requests).toEqual([`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`]);
  });

  spec("requests the name without it, and with `resolve: 'proxy'`", async (h) => {
    const { place, requests } = await scriptedProxy(h, ({ socket }) => socket.write(OPENED));
    const { lookup, calls } = finding('192.0.2.1');
    await outcome(h, place);
    await outcome(h, { ...place, resolve: 'proxy', lookup });
    expect(requests.map((request) => request.split(' ')[1])).toEqual(['target.test:7', 'target.test:7']);
    expect(calls()).toBe(0);
  });

  spec('requests the first address that the guard allows', async (h) => {
    const { place, requests } = await scriptedProxy(h, ({ socket }) => socket.write(OPENED));
    const { lookup } = finding('10.0.0.1', '192.0.2.1');
    const asked: unknown[] = [];
    const guard: IOStreamOptions['guard'] = ({ host, address }) => {
      asked.push([host, address]);
      return address !== '10.0.0.1' || 'private';
    };
    expect(await outcome(h, { ...place, resolve: 'local', lookup }, { guard })).toBeUndefined();
    expect(requests.map((request) => request.split(' ')[1])).toEqual(['192.0.2.1:7']);
    expect(asked).toEqual([
      ['target.test', '10.0.0.1'],
      ['target.test', '192.0.2.1'],
    ]);
  });

  spec('errors with EBLOCKED if the guard allows no address, and requests nothing', async (h) => {
    const { place, all } = await scriptedProxy(h, ({ socket }) => socket.write(OPENED));
    const { lookup } = finding('10.0.0.1');
    const error = await outcome(h, { ...place, resolve: 'local', lookup }, { guard: () => 'no' });
    h.error(error, { code: 'EBLOCKED', phase: 'connect' });
    expect([(error as Error).message, all()]).toEqual([expect.stringContaining('10.0.0.1 of target.test port 7 is blocked'), '']);
  });

  spec('errors with EDNS if the name has no address', async (h) => {
    const { place, all } = await scriptedProxy(h, ({ socket }) => socket.write(OPENED));
    const lookup: Lookup = (_host, _options, callback) => callback(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), []);
    const error = await outcome(h, { ...place, resolve: 'local', lookup });
    h.error(error, { code: 'EDNS', phase: 'resolve', layer: 'proxy' });
    expect(all()).toBe('');
  });

  spec('resolves once for all connections of `auth`', async (h) => {
    const { place, requests } = await scriptedProxy(h, ({ socket, connection }) => socket.end(connection === 0 ? REFUSED : OPENED));
    const { lookup, calls } = finding('192.0.2.1');
    await outcome(h, { ...place, resolve: 'local', lookup, auth: () => 'Basic eDp5' });
    expect(requests.map((request) => request.split(' ')[1])).toEqual(['192.0.2.1:7', '192.0.2.1:7']);
    expect(calls()).toBe(1);
  });

  it.each<[options: object, message: string]>([
    [{ resolve: 'here' }, "expected `resolve` of httpProxy to be 'proxy' or 'local'"],
    [{ lookup: 1 }, 'expected `lookup` of httpProxy to be a function like dns.lookup'],
  ])('refuses %j', (options, message) => {
    expect(() => httpProxy({ host: 'a', port: 1, ...options })).toThrow(message);
  });
});
