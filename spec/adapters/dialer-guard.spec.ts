import { get } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { BehaviorSubject } from 'rxjs';
import { describe, expect } from 'vitest';
import { agent, dialer, httpProxy, publicOnly, socks5, type Dialer, type DialerOptions, type Guard } from 'rxjs-io-stream';
import { client } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { nodeProxy } from '../support/http-proxies.ts';
import { served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { startSocksServer } from '../interop/clients/socks-server.ts';
import { changingLookup } from './dialer-tools.ts';

type Options = DialerOptions & Required<Pick<DialerOptions, 'guard'>>;
/** Opens one connection to a port of `rebind.test`, and closes it. Rejects with the error of the dial. */
type Dials = (h: Harness, options: Options, port: number) => Promise<void>;

const overSocket =
  (make: (through: Dialer, port: number) => ReturnType<Dialer['connect']>): Dials =>
  async (_h, options, port) => {
    const socket = make(dialer(options), port);
    await once(socket, 'connect');
    socket.destroy();
    await once(socket, 'close');
  };

const DIALS: [name: string, dials: Dials][] = [
  ['connect', overSocket(({ connect }, port) => connect(port, 'rebind.test'))],
  ['socket', overSocket(({ socket }, port) => socket().connect(port, 'rebind.test'))],
  [
    'undici',
    (_h, options, port) =>
      new Promise((resolve, reject) => {
        dialer(options).undici({ hostname: 'rebind.test', protocol: 'http:', port: String(port) }, (error, socket) => {
          if (error) reject(error);
          else socket.once('close', resolve).destroy();
        });
      }),
  ],
  [
    'door',
    async (h, options, port) => {
      const door = await dialer(options).door({ host: 'rebind.test', port });
      h.defer(() => door.close());
      const errors = h.observed(door.errors$, 'errors$');
      const connected = await client(h, door);
      await h.until(() => errors.values.length > 0 || connected.text === 'hello');
      connected.socket.destroy();
      if (errors.values.length > 0) throw errors.values[0] as Error;
    },
  ],
  [
    'an agent',
    (h, options, port) =>
      new Promise((resolve, reject) => {
        const made = agent(options);
        h.defer(() => made.destroy());
        const request = get({ host: 'rebind.test', port, agent: made });
        request.on('error', reject).on('socket', (socket) => socket.once('connect', () => resolve(void request.destroy())));
      }),
  ],
];

/** Starts a server that greets, and counts its connections. */
async function counted(h: Harness): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const { port } = (await served(h, (socket) => {
    connections += 1;
    socket.resume().end('hello');
  })) as { port: number };
  return { port, connections: () => connections };
}

describe('the guard of a dialer', () => {
  spec.each(DIALS)('judges the address that %s dials, when the resolver changes its mind', async (h, _, dials) => {
    const server = await counted(h);
    const { lookup, asked } = changingLookup('127.0.0.1', '127.0.0.2', '127.0.0.1');
    const judged: unknown[] = [];
    const guard: Guard = ({ host, address }) => {
      judged.push([host, address]);
      return address === '127.0.0.1' || 'not the server';
    };
    await dials(h, { guard, lookup }, server.port);
    await expect(dials(h, { guard, lookup }, server.port)).rejects.toMatchObject({ code: 'EBLOCKED', address: '127.0.0.2' });
    // The answer that the first guard allows is the one that `publicOnly` is asked for, too.
    await expect(dials(h, { guard: publicOnly(), lookup }, server.port)).rejects.toMatchObject({ code: 'EBLOCKED', address: '127.0.0.1' });
    expect(asked).toEqual(['rebind.test', 'rebind.test', 'rebind.test']);
    expect(judged).toEqual([
      ['rebind.test', '127.0.0.1'],
      ['rebind.test', '127.0.0.2'],
    ]);
    await h.until(() => server.connections() > 0);
    expect(server.connections()).toBe(1);
  });

  spec.each(DIALS)('judges by the current guard of an Observable for %s', async (h, _, dials) => {
    const server = await counted(h);
    const { lookup } = changingLookup('127.0.0.1', '127.0.0.1');
    const guard = new BehaviorSubject<Guard>(() => true);
    await dials(h, { guard, lookup }, server.port);
    guard.next(publicOnly());
    await expect(dials(h, { guard, lookup }, server.port)).rejects.toMatchObject({ code: 'EBLOCKED' });
    await h.until(() => server.connections() > 0);
    expect(server.connections()).toBe(1);
  });

  spec.each(DIALS)('judges the name alone if a proxy resolves it for %s', async (h, _, dials) => {
    const requests: IncomingMessage[] = [];
    const proxy = await nodeProxy(h, { seen: (request) => requests.push(request) });
    const judged: unknown[] = [];
    const guard: Guard = ({ host, address }) => {
      judged.push([host, address]);
      return 'no';
    };
    await expect(dials(h, { guard, plugin: { proxy: httpProxy(proxy) } }, 80)).rejects.toMatchObject({ code: 'EBLOCKED' });
    expect([judged, requests]).toEqual([[['rebind.test', undefined]], []]);
  });
});

describe("the guard of a dialer with `resolve: 'local'` of a proxy", () => {
  spec.each(DIALS)('judges the address that is sent to httpProxy by %s, when the resolver changes its mind', async (h, _, dials) => {
    const server = await counted(h);
    const requested: unknown[] = [];
    const place = await nodeProxy(h, { seen: ({ url }) => requested.push(url) });
    const { lookup, asked } = changingLookup('127.0.0.1', '127.0.0.2');
    const guard: Guard = ({ address }) => address === '127.0.0.1' || 'not the server';
    const plugin = { proxy: httpProxy({ ...place, resolve: 'local', lookup }) };
    await dials(h, { guard, plugin }, server.port);
    await expect(dials(h, { guard, plugin }, server.port)).rejects.toMatchObject({ code: 'EBLOCKED', address: '127.0.0.2' });
    expect([requested, asked.length]).toEqual([[`127.0.0.1:${server.port}`], 2]);
  });

  spec('judges the address that is sent to socks5, when the resolver changes its mind', async (h) => {
    const server = await counted(h);
    const proxy = await startSocksServer();
    h.defer(() => proxy.stop());
    const { lookup } = changingLookup('127.0.0.1', '127.0.0.2');
    const guard: Guard = ({ address }) => address === '127.0.0.1' || 'not the server';
    const { connect } = dialer({
      guard,
      plugin: { proxy: socks5({ host: '127.0.0.1', port: proxy.port, resolve: 'local', lookup }) },
    });
    const socket = connect(server.port, 'rebind.test');
    await once(socket, 'connect');
    socket.destroy();
    await once(socket, 'close');
    const [error] = (await once(connect(server.port, 'rebind.test'), 'error')) as [NodeJS.ErrnoException];
    expect([error.code, proxy.passed]).toEqual(['EBLOCKED', 1]);
  });
});
