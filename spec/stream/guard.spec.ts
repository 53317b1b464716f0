import { get } from 'node:http';
import { once } from 'node:events';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  agent,
  connect,
  httpProxy,
  IOStream,
  listen,
  publicOnly,
  socks4,
  socks5,
  type Candidate,
  type Guard,
  type IOStreamOptions,
  type Lookup,
  type Plugin,
} from 'rxjs-io-stream';
import { nodeProxy } from '../support/http-proxies.ts';
import { type Harness } from '../support/harness.ts';
import { deadPort, served } from '../support/loopback.ts';
import { socksPeer } from '../support/socks-peer.ts';
import { spec } from '../support/spec.ts';
import { peer } from './connect-tools.ts';

const found =
  (...addresses: string[]): Lookup =>
  (_host, _options, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

/** A guard that keeps what it is asked, and blocks some addresses. */
function recorder(...blocked: string[]): { guard: Guard; asked: Candidate[] } {
  const asked: Candidate[] = [];
  const guard: Guard = (candidate) => {
    asked.push(candidate);
    return blocked.includes(candidate.address ?? candidate.host ?? candidate.path ?? '') ? 'on the list' : true;
  };
  return { guard, asked };
}

/** The error with which a stream ends. */
async function failure(h: Harness, options: IOStreamOptions): Promise<Error> {
  const io = new IOStream(options);
  h.watch(io);
  const { error } = await firstValueFrom(io.closed$);
  return error as Error;
}

describe('the option guard', () => {
  spec('blocks an address before any packet, and the error has the rule and the address', async (h) => {
    const { to, sockets } = await peer(h);
    const error = await failure(h, { ...to, guard: publicOnly() });
    h.error(error, { code: 'EBLOCKED', phase: 'connect' });
    expect(error).toMatchObject({ errno: -10700, address: '127.0.0.1', port: to.port, fatal: true });
    expect(error.message).toBe(
      `127.0.0.1 port ${to.port} is blocked by \`guard\`: loopback (127.0.0.0/8, RFC 1122 section 3.2.1.3) [EBLOCKED]`,
    );
    expect(sockets).toEqual([]);
  });

  spec('judges the address that is dialled, when the resolver changes its mind', async (h) => {
    const { to, sockets } = await peer(h);
    const answers = ['8.8.8.8', '127.0.0.1', '127.0.0.1'];
    let lookups = 0;
    const lookup: Lookup = (host, options, callback) => found(answers[lookups++]!)(host, options, callback);
    const { guard, asked } = recorder('8.8.8.8');
    const options = { host: 'rebind.test', port: to.port, lookup };
    const first = await failure(h, { ...options, guard });
    expect(first).toMatchObject({ code: 'EBLOCKED', address: '8.8.8.8' });
    expect([lookups, asked.length, sockets.length]).toEqual([1, 1, 0]);
    // The second answer is loopback: a guard that had looked up the name by itself would have seen the first one.
    const second = await failure(h, { ...options, guard: publicOnly() });
    expect(second).toMatchObject({ code: 'EBLOCKED', address: '127.0.0.1' });
    expect(second.message).toContain('127.0.0.1 of rebind.test port');
    expect([lookups, sockets.length]).toEqual([2, 0]);
    const io = await firstValueFrom(connect({ ...options, guard }));
    expect([lookups, asked.at(-1)]).toEqual([3, { host: 'rebind.test', port: to.port, address: '127.0.0.1', family: 4, path: undefined }]);
    io.close();
  });

  spec('tries the addresses that are allowed', async (h) => {
    const { to, sockets } = await peer(h);
    const { guard, asked } = recorder('192.0.2.1', '2001:db8::1');
    const lookup = found('192.0.2.1', '2001:db8::1', '127.0.0.1');
    await lastValueFrom(
      connect({ host: 'many.test', port: to.port, lookup, guard }, () => []),
      { defaultValue: undefined },
    );
    expect(asked.map(({ address, family }) => [address, family])).toEqual([
      ['192.0.2.1', 4],
      ['2001:db8::1', 6],
      ['127.0.0.1', 4],
    ]);
    expect(sockets).toHaveLength(1);
  });

  spec('lists the rule for each address, if all are blocked', async (h) => {
    const error = await failure(h, { host: 'many.test', port: 1, lookup: found('10.0.0.1', '::1'), guard: publicOnly() });
    expect(error).toMatchObject({ code: 'EBLOCKED' });
    expect(error.message).toContain('10.0.0.1 is blocked by `guard`: private (10.0.0.0/8, RFC 1918 section 3)');
    expect(error.message).toContain('::1 is blocked by `guard`: loopback');
  });

  spec('judges 10,000 blocked addresses without nested calls', async (h) => {
    const addresses = Array.from({ length: 10_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
    const error = await failure(h, { host: 'many.test', port: 1, lookup: found(...addresses), guard: () => 'no' });
    expect(error).toMatchObject({ code: 'EBLOCKED' });
  });

  spec('judges a path', async (h) => {
    const place = (await served(h, (socket) => socket.end(), 'UNIX')) as { path: string };
    const { guard, asked } = recorder(place.path);
    const error = await failure(h, { ...place, guard });
    h.error(error, { code: 'EBLOCKED', phase: 'connect' });
    expect(error.message).toContain(`${place.path} is blocked by \`guard\`: on the list`);
    expect(asked).toEqual([{ host: undefined, port: undefined, address: undefined, family: undefined, path: place.path }]);
    expect(await failure(h, { ...place, guard: () => true })).toBeUndefined();
  });

  const throwing = (): never => {
    throw new Error('a bug');
  };
  const wrong: [guard: () => unknown, message: string][] = [
    [() => undefined, 'it returned undefined instead of true or a reason'],
    [() => false, 'it returned false (boolean) instead of true or a reason'],
    [() => Promise.resolve(true), 'it returned an object (Promise) instead of true or a reason'],
    [() => Promise.reject(new Error('a bug')), 'it returned an object (Promise) instead of true or a reason'],
    [throwing, 'it threw a bug'],
  ];
  spec.each(wrong)('blocks if the guard does not return true: %s', async (h, guard, message) => {
    const error = await failure(h, { host: '127.0.0.1', port: await deadPort(), guard: guard as Guard });
    h.error(error, { code: 'EBLOCKED', phase: 'connect' });
    expect(error.message).toContain(message);
  });

  it.each<[options: object, message: string]>([
    [{ host: 'a', port: 1, guard: true }, '`guard` to be a function that returns true or a reason'],
    [{ wire: () => () => [], guard: publicOnly() }, '`guard` with `host` or `path`'],
    [{ fh: 0, guard: publicOnly() }, '`guard` with `host` or `path`'],
  ])('refuses %j', (options, message) => {
    expect(() => new IOStream(options as IOStreamOptions)).toThrow(TypeError);
    expect(() => new IOStream(options as IOStreamOptions)).toThrow(message);
  });

  it('is no option of listen', () => {
    expect(() => listen({ port: 0, guard: publicOnly() } as never)).toThrow('`guard`');
  });
});

const PROXIES: [name: string, plugin: (port: number) => Plugin][] = [
  ['socks5', (port) => socks5({ host: '127.0.0.1', port })],
  ['socks4', (port) => socks4({ host: '127.0.0.1', port })],
  ['httpProxy', (port) => httpProxy({ host: '127.0.0.1', port })],
];

describe('the option guard behind a proxy', () => {
  spec.each(PROXIES)('judges the name of the target, before %s dials the proxy', async (h, _name, plugin) => {
    const { port, sockets } = await peer(h);
    const { guard, asked } = recorder('target.test');
    const error = await failure(h, { host: 'target.test', port: 7, guard, plugin: { proxy: plugin(port) } });
    h.error(error, { code: 'EBLOCKED', phase: 'connect' });
    expect(error.message).toContain('target.test port 7 is blocked by `guard`: on the list');
    expect(asked).toEqual([{ host: 'target.test', port: 7, address: undefined, family: undefined, path: undefined }]);
    expect(sockets).toEqual([]);
  });

  spec.each(PROXIES)('judges the address of the target, if it has one, before %s dials the proxy', async (h, _name, plugin) => {
    const { port, sockets } = await peer(h);
    const error = await failure(h, { host: '10.0.0.1', port: 7, guard: publicOnly(), plugin: { proxy: plugin(port) } });
    expect(error).toMatchObject({ code: 'EBLOCKED', address: '10.0.0.1' });
    expect(sockets).toEqual([]);
  });

  spec.each(PROXIES)('judges the host as %s gets it: in ASCII', async (h, _name, plugin) => {
    const { port } = await peer(h);
    const { guard, asked } = recorder('metadata.google.internal', '127.0.0.1', 'xn--bcher-kva.test');
    for (const host of ['metadata.google.ｉnternal', '１２７.0.0.1', 'bücher.test'])
      expect(await failure(h, { host, port: 7, guard, plugin: { proxy: plugin(port) } })).toMatchObject({ code: 'EBLOCKED' });
    expect(asked.map(({ host, address }) => [host, address])).toEqual([
      ['metadata.google.internal', undefined],
      ['127.0.0.1', '127.0.0.1'],
      ['xn--bcher-kva.test', undefined],
    ]);
  });

  spec.each(PROXIES)('judges the target only, not the address of the proxy of %s', async (h, _name, plugin) => {
    const { port, sockets } = await peer(h);
    const { guard, asked } = recorder('127.0.0.1');
    const io = new IOStream({ host: 'target.test', port: 7, guard, plugin: { proxy: plugin(port) } });
    h.watch(io);
    await h.until(() => sockets.length === 1);
    io.reset();
    expect(asked.map(({ host }) => host)).toEqual(['target.test']);
  });

  spec('does not judge the proxy, nor those of a chain', async (h) => {
    const [a, b] = [await nodeProxy(h), await nodeProxy(h)];
    const target = (await served(h, (socket) => socket.end('payload'))) as { host: string; port: number };
    const { guard, asked } = recorder();
    const io = new IOStream({ ...target, guard, plugin: { b: httpProxy(b), a: httpProxy(a) } });
    const seen = h.observed(io.data$);
    await seen.ended;
    h.sameBytes(seen.values, 'payload');
    expect(asked.map(({ port }) => port)).toEqual([target.port]);
  });

  spec.each([
    ['socks5', (port: number, lookup: Lookup) => socks5({ host: '127.0.0.1', port, resolve: 'local', lookup }), '0500', '05010001c0000209'],
    ['socks4', (port: number, lookup: Lookup) => socks4({ host: '127.0.0.1', port, resolve: 'local', lookup }), '', '04010007c0000209'],
  ] as const)(
    'judges the addresses that %s resolves here, and sends the first that is allowed',
    async (h, _name, plugin, reply, request) => {
      const proxy = await socksPeer(h, reply === '' ? [] : [['050100', reply]], 'silence');
      const { guard, asked } = recorder('192.0.2.8');
      const lookup = found('192.0.2.8', '192.0.2.9');
      const io = new IOStream({ host: 'target.test', port: 7, guard, plugin: { proxy: plugin(proxy.port, lookup) } });
      h.watch(io);
      await h.until(() => Buffer.concat(proxy.received).toString('hex').includes(request));
      io.reset();
      expect(asked.map(({ address }) => address)).toEqual(['192.0.2.8', '192.0.2.9']);
      const all = { host: 'target.test', port: 7, guard: publicOnly(), plugin: { proxy: plugin(proxy.port, lookup) } };
      expect(await failure(h, all)).toMatchObject({ code: 'EBLOCKED', address: '192.0.2.9' });
    },
  );
});

describe('the option guard of agent', () => {
  spec('blocks a request', async (h) => {
    const { to, sockets } = await peer(h);
    const request = get({ ...to, agent: agent({ guard: publicOnly() }) });
    const [error] = (await once(request, 'error')) as [Error & { code: string; cause: Error }];
    expect([error.code, sockets.length]).toEqual(['EBLOCKED', 0]);
    expect(error.message).toContain('loopback');
  });
});
