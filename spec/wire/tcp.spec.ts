import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { NEVER, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { testDial, type TestDialOptions } from '../../src/testing/test-dial.ts';
import type { Lookup } from '../../src/wire/resolve.ts';
import type { Flow } from '../../src/wire/signal.ts';
import { tcp } from '../../src/wire/tcp.ts';
import type { TcpOptions } from '../../src/wire/tcp-options.ts';
import { blackHole } from '../support/black-hole.ts';
import { type Harness } from '../support/harness.ts';
import { deadPort } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { data, inWords, textOf } from '../support/signal-text.ts';
import { socketContract } from '../support/socket-contract/socket-contract.ts';
import { connect, listen, type SocketSite } from '../support/socket-contract/socket-site.ts';

const HOST = '127.0.0.1';
const site: SocketSite = {
  wire: tcp(),
  at: () => ({ port: 0, host: HOST }),
  target: (at) => ({ host: HOST, port: (at as AddressInfo).port }),
  rst: true,
};

socketContract('tcp', site);

/** Dials and records. */
function dialled(
  h: Harness,
  host: string,
  port: number,
  options: TcpOptions = {},
  dial: TestDialOptions = {},
): ObserverSpy<{ kind: string }> {
  return h.observed(NEVER.pipe(tcp(options)(testDial({ to: { host, port }, ...dial }))));
}

/** A port that one address of the loopback network listens on, and no other. */
async function portOf(h: Harness, host: string): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, host);
  await once(server, 'listening');
  h.defer(() => server.close());
  return (server.address() as AddressInfo).port;
}

const list = (...addresses: readonly string[]): Lookup => {
  return (_host, _options, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
};
const networks = (count: number): string[] => Array.from({ length: count }, (_, turn) => `127.0.1.${turn + 1}`);

describe('tcp', () => {
  spec('emits `resolved`, then `connected`', async (h) => {
    const port = await portOf(h, HOST);
    const seen = dialled(h, 'some.name', port, { lookup: list(HOST, '127.0.0.2') });
    await seen.value(({ kind }) => kind === 'connected');
    expect(seen.values).toMatchObject([
      { kind: 'resolved', host: 'some.name', ip: HOST, family: 4 },
      { kind: 'connected', details: [{ wire: 'tcp', ip: HOST }] },
    ]);
  });

  spec('emits `resolved` for a literal address, too', async (h) => {
    const seen = dialled(h, HOST, await portOf(h, HOST));
    expect(await seen.value()).toEqual({ kind: 'resolved', host: HOST, ip: HOST, family: 4 });
  });

  it('errors with a TypeError when it is dialled without host and port', () => {
    const errors: unknown[] = [];
    for (const to of [undefined, { path: '/x' }]) {
      NEVER.pipe(tcp()(testDial({ to }))).subscribe({ error: (error: unknown) => errors.push(error) });
    }
    expect(errors.map(String)).toEqual([
      'TypeError: expected a target with host and port for tcp, got none',
      'TypeError: expected a target with host and port for tcp, got a path',
    ]);
  });

  spec('sends small packets at once by default, and connects from `localAddress`', async (h) => {
    const port = await portOf(h, HOST);
    const seen = dialled(h, HOST, port, { localAddress: '127.0.0.9' });
    const connected = (await seen.value(({ kind }) => kind === 'connected')) as { details?: { handle: { localAddress: string } }[] };
    expect(connected.details?.[0]?.handle.localAddress).toBe('127.0.0.9');
  });

  spec('connects from `localPort`', async (h) => {
    const localPort = await deadPort();
    const seen = dialled(h, HOST, await portOf(h, HOST), { localPort });
    const connected = (await seen.value(({ kind }) => kind === 'connected')) as { details?: { handle: { localPort: number } }[] };
    expect(connected.details?.[0]?.handle.localPort).toBe(localPort);
  });

  describe('a refused connection', () => {
    spec.each([HOST, '::1'])('by %s: emits `resolved`, then errors with ECONNREFUSED and its facts', async (h, host) => {
      const port = await deadPort();
      const seen = await dialled(h, host, port).ended;
      expect(inWords(seen.values as never)).toEqual(['resolved']);
      h.error(seen.error, { code: 'ECONNREFUSED', phase: 'connect', fatal: true });
      expect(seen.error).toMatchObject({ name: 'IOStreamError', syscall: 'connect', address: host, port });
    });

    spec('by all addresses: errors once with a list of them, and an AggregateError as the cause', async (h) => {
      const port = await deadPort();
      const addresses = networks(3);
      const seen = await dialled(h, 'some.name', port, { lookup: list(...addresses) }).ended;
      h.error(seen.error, { code: 'ECONNREFUSED', phase: 'connect' });
      expect((seen.error as Error).message).toBe(
        `connect failed for all 3 addresses of some.name port ${port}: ${addresses.map((each) => `${each} ECONNREFUSED`).join(', ')} [ECONNREFUSED]`,
      );
      const { cause } = seen.error as { cause: AggregateError };
      expect(cause).toBeInstanceOf(AggregateError);
      expect(cause.errors.map((error: { address: string; code: string }) => [error.address, error.code])).toEqual(
        addresses.map((each) => [each, 'ECONNREFUSED']),
      );
    });

    spec('by all of 40 addresses but the last one: connects to that at once', async (h) => {
      const addresses = networks(40);
      const port = await portOf(h, addresses[39]!);
      const start = performance.now();
      const seen = dialled(h, 'some.name', port, { lookup: list(...addresses) });
      expect(await seen.value(({ kind }) => kind === 'connected')).toMatchObject({ details: [{ ip: addresses[39] }] });
      // A delay before each address would take 39 × 250 ms.
      expect(performance.now() - start).toBeLessThan(8000);
    });

    spec('for an invalid port: errors with an IOStreamError, and leaves no handle open', async (h) => {
      const seen = await dialled(h, HOST, 70_000).ended;
      expect(seen.error).toMatchObject({ name: 'IOStreamError', code: 'ERR_SOCKET_BAD_PORT', phase: 'connect' });
    });

    spec('by the own system: errors for a `localAddress` of another host', async (h) => {
      const seen = await dialled(h, HOST, await portOf(h, HOST), { localAddress: '192.0.2.1' }).ended;
      h.error(seen.error, { code: 'EADDRNOTAVAIL', phase: 'connect' });
    });
  });

  describe('a peer that never answers', () => {
    spec('a silent peer errors with ETOCONNECT after `timeouts.connect`', async (h) => {
      const { port } = await blackHole(h);
      const start = performance.now();
      const seen = await dialled(h, HOST, port, {}, { timeouts: { connect: 150 } }).ended;
      expect(inWords(seen.values as never)).toEqual(['resolved']);
      h.error(seen.error, { code: 'ETOCONNECT', phase: 'connect' });
      expect((seen.error as Error).message).toContain(`${HOST} port ${port} (${HOST}) within 150 ms`);
      expect(performance.now() - start).toBeGreaterThan(145);
      expect(performance.now() - start).toBeLessThan(10_000);
    });

    spec('a silent peer errors with ETOCONNECT at the deadline, if that is earlier', async (h) => {
      const { port } = await blackHole(h);
      const seen = await dialled(h, HOST, port, {}, { timeouts: { establish: 100 } }).ended;
      h.error(seen.error, { code: 'ETOCONNECT', phase: 'connect' });
    });

    spec('a silent peer loses after 250 ms to an address that answers', async (h) => {
      const { port } = await blackHole(h);
      const server = createServer().listen(port, '127.0.0.2');
      await once(server, 'listening');
      h.defer(() => server.close());
      const start = performance.now();
      const seen = dialled(h, 'some.name', port, { lookup: list(HOST, '127.0.0.2') });
      expect(await seen.value(({ kind }) => kind === 'connected')).toMatchObject({ details: [{ ip: '127.0.0.2' }] });
      expect(performance.now() - start).toBeGreaterThan(240);
      expect(performance.now() - start).toBeLessThan(10_000);
    });

    spec('an attempt to a silent peer leaves no handle open on unsubscribe, close and reset', async (h) => {
      const { port } = await blackHole(h);
      for (const leave of ['unsubscribe', 'close', 'reset']) {
        const app = new Subject<Flow>();
        const seen = h.observed(app.pipe(tcp()(testDial({ to: { host: HOST, port } }))));
        await seen.value(({ kind }) => kind === 'resolved');
        if (leave === 'unsubscribe') seen.unsubscribe();
        else if (leave === 'close') app.complete();
        else app.error(new Error('enough'));
        expect(seen.state).toBe({ unsubscribe: 'unsubscribed', close: 'complete', reset: 'error' }[leave]);
      }
    });
  });

  describe('a name', () => {
    spec('a lookup without an answer errors with EDNS after `timeouts.resolve`, with ETIMEOUT as the cause', async (h) => {
      const seen = await dialled(h, 'some.name', 1, { lookup: () => {} }, { timeouts: { resolve: 60 } }).ended;
      h.error(seen.error, { code: 'EDNS', phase: 'resolve' });
      expect(seen.error).toMatchObject({ cause: { code: 'ETIMEOUT' } });
      expect((seen.error as Error).message).toBe("no address for 'some.name': the lookup has not answered within 60 ms [EDNS]");
      expect(seen.values).toEqual([]);
    });

    spec('a lookup without an answer errors with EDNS at the deadline, if that is earlier', async (h) => {
      const seen = await dialled(h, 'some.name', 1, { lookup: () => {} }, { timeouts: { establish: 60 } }).ended;
      h.error(seen.error, { code: 'EDNS', phase: 'resolve' });
    });

    spec('a name that does not exist errors with EDNS', async (h) => {
      const seen = await dialled(h, 'no-such-name.invalid', 1).ended;
      h.error(seen.error, { code: 'EDNS', phase: 'resolve' });
    });

    spec('an answer after unsubscribe is not dialled', async (h) => {
      let answer = (): void => {};
      const port = await portOf(h, HOST);
      const lookup: Lookup = (_host, _options, callback) => (answer = () => callback(null, [{ address: HOST, family: 4 }]));
      const seen = dialled(h, 'some.name', port, { lookup });
      seen.unsubscribe();
      answer();
      expect(seen.values).toEqual([]);
    });

    spec('an answer after the close is not dialled', async (h) => {
      let answer = (): void => {};
      const lookup: Lookup = (_host, _options, callback) => (answer = () => callback(null, [{ address: HOST, family: 4 }]));
      const app = new Subject<Flow>();
      const seen = h.observed(app.pipe(tcp({ lookup })(testDial({ to: { host: 'some.name', port: 1 } }))));
      app.complete();
      answer();
      expect(seen).toMatchObject({ state: 'complete', values: [] });
    });
  });

  describe('a peer that resets', () => {
    spec('reports ECONNRESET after all bytes read before it', async (h) => {
      const { seen, peer } = await connect(h, site);
      peer.write('before');
      await h.until(() => textOf(seen.values) === 'before', 'the bytes');
      peer.resetAndDestroy();
      await seen.ended;
      h.error(seen.error, { code: 'ECONNRESET', phase: 'read' });
      expect(inWords(seen.values)).not.toContain('end');
    });

    spec('reports ECONNRESET, not EOF, for a reset at once after the last bytes', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      app.next({ kind: 'pause' });
      await new Promise((resolve) => peer.write('cut off', resolve));
      peer.resetAndDestroy();
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      app.next({ kind: 'resume' });
      await seen.ended;
      h.error(seen.error, { code: 'ECONNRESET', phase: 'read' });
      expect(textOf(seen.values)).toBe('cut off');
      expect(inWords(seen.values)).not.toContain('end');
    });

    spec('reports a reset after EOF when we write: `end`, then EPIPE or ECONNRESET', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      peer.end('all');
      await seen.value(({ kind }) => kind === 'end');
      peer.destroy();
      await once(peer, 'close');
      const timer = setInterval(() => app.next(data('x')), 1);
      h.defer(() => clearInterval(timer));
      await seen.ended;
      expect(['EPIPE', 'ECONNRESET']).toContain((seen.error as { code: string }).code);
      expect(textOf(seen.values)).toBe('all');
    });

    spec('a reset while we wait for the FIN ends the close with an error of phase close', async (h) => {
      const { app, seen, peer } = await connect(h, site);
      app.complete();
      peer.resume();
      await once(peer, 'end');
      peer.write('x');
      peer.resetAndDestroy();
      await seen.ended;
      if (seen.state === 'error') h.error(seen.error, { code: 'ECONNRESET', phase: 'close' });
    });
  });

  spec('connects, echoes and closes many at a time', async (h) => {
    const server = createServer((socket) => socket.pipe(socket)).listen(0, HOST);
    await once(server, 'listening');
    h.defer(() => server.close());
    const { port } = server.address() as AddressInfo;
    const runs = Array.from({ length: 100 }, async (_, turn) => {
      const app = new Subject<Flow>();
      const seen = h.observed(app.pipe(tcp()(testDial({ to: { host: HOST, port } }))));
      await seen.value(({ kind }) => kind === 'connected');
      app.next(data(`hello ${turn}`));
      app.next({ kind: 'end' });
      await seen.ended;
      return [seen.state, textOf(seen.values)];
    });
    expect(await Promise.all(runs)).toEqual(runs.map((_, turn) => ['complete', `hello ${turn}`]));
  });

  spec('adds only the listeners to the socket that it needs', async (h) => {
    const { to } = await listen(h, site);
    const seen = h.observed(NEVER.pipe(tcp()(testDial({ to }))));
    const connected = (await seen.value(({ kind }) => kind === 'connected')) as unknown as { details: { handle: NodeJS.EventEmitter }[] };
    const { handle } = connected.details[0] as { handle: NodeJS.EventEmitter };
    expect(['connect', 'ready', 'lookup', 'timeout'].map((event) => handle.listenerCount(event))).toEqual([0, 0, 0, 0]);
  });
});
