import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Observable, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import type { SocketDuplex } from '../../src/adapters/socket-duplex.ts';
import { toDuplex } from '../../src/adapters/to-duplex.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { listen } from '../../src/stream/listen.ts';
import type { Wire } from '../../src/wire/signal.ts';
import { connectedDuplex, testDuplex, failingWire, NEVER_CONNECTED } from '../support/duplexes.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { served } from '../support/loopback.ts';

/** The compared members. */
const MEMBERS = [
  ...['connecting', 'pending', 'readyState', 'timeout', 'bytesRead', 'bytesWritten'],
  ...['remoteAddress', 'remoteFamily', 'remotePort', 'localAddress', 'localFamily'],
] as const;
const membersOf = (socket: SocketDuplex | Socket): unknown => Object.fromEntries(MEMBERS.map((name) => [name, socket[name as 'pending']]));

/** Records events by name, with their arguments. */
function eventsOf(duplex: SocketDuplex, ...names: readonly string[]): unknown[][] {
  const events: unknown[][] = [];
  for (const name of names) duplex.on(name, (...given: unknown[]) => events.push([name, ...given]));
  return events;
}

describe('Duplex as a socket', () => {
  spec('has the values of a socket while connecting, connected, half-closed and closed', async (h) => {
    const place = (await served(h, (socket) => void socket.on('error', () => {}).end('bye'))) as { host: string; port: number };
    const makers = [() => connect({ ...place, allowHalfOpen: true }), () => testDuplex(h, { ...place, allowHalfOpen: true }).duplex];
    const seen: unknown[][] = [[], []];
    for (const [at, make] of makers.entries()) {
      const each = make();
      const look = (): void => void seen[at]?.push(membersOf(each));
      look();
      each.once('connect', look).resume();
      await once(each, 'end');
      look();
      each.destroy();
      await once(each, 'close');
      look();
      seen[at]?.push(['address', 'connect', 'setNoDelay', 'setKeepAlive', 'ref', 'unref'].map((name) => typeof Reflect.get(each, name)));
    }
    expect(seen[1]).toEqual(seen[0]);
  });

  spec('returns its address, and an empty object before it is connected', async (h) => {
    const { duplex, io } = await connectedDuplex(h);
    expect(duplex.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: io.localPort });
    expect(testDuplex(h, { wire: NEVER_CONNECTED }).duplex.address()).toEqual({});
  });

  spec('has no members of TLS without TLS', async (h) => {
    const { duplex } = await connectedDuplex(h);
    for (const name of ['encrypted', 'authorized', 'alpnProtocol', 'getPeerCertificate', 'getCipher', 'isSessionReused', 'servername'])
      expect(name in duplex, name).toBe(false);
  });

  spec('sets options of the socket; those set earlier when it is connected', async (h) => {
    const calls: unknown[] = [];
    const handle = {
      setNoDelay: (...given: unknown[]) => calls.push(['noDelay', ...given]),
      setKeepAlive: (...given: unknown[]) => calls.push(['keepAlive', ...given]),
    };
    let connect = (): void => {};
    const wire: Wire = () => () =>
      new Observable((up) => {
        connect = () => up.next({ kind: 'connected', details: [{ handle }] });
      });
    const { duplex } = testDuplex(h, { wire });
    duplex.setNoDelay().setNoDelay(false).setKeepAlive(true, 2000);
    await new Promise(setImmediate);
    expect(calls).toEqual([]);
    connect();
    expect(calls.splice(0)).toEqual([
      ['noDelay', false],
      ['keepAlive', true, 2000],
    ]);
    duplex.setNoDelay().setKeepAlive();
    expect(calls).toEqual([
      ['noDelay', true],
      ['keepAlive', false, 0],
    ]);
  });

  describe('connect()', () => {
    spec('calls back when the stream is connected, and opens no connection', async (h) => {
      let connections = 0;
      const { duplex } = testDuplex(h, { ...(await served(h, () => (connections += 1))) });
      const events = eventsOf(duplex, 'connect', 'ready');
      await new Promise<void>((resolve) => {
        expect(duplex.connect(1, 'elsewhere.test', resolve)).toBe(duplex);
      });
      await new Promise(setImmediate);
      await h.until(() => connections > 0);
      expect([events, connections]).toEqual([[['connect'], ['ready']], 1]);
    });

    spec('calls back in a later tick if the stream is open', async (h) => {
      const { duplex } = await connectedDuplex(h);
      let called = false;
      duplex.connect({ port: 1 }, () => (called = true));
      expect(called).toBe(false);
      await once(duplex, 'connect');
      expect(called).toBe(true);
    });

    spec('fails with EISCONN on the second call on an open stream, as in Node', async (h) => {
      const { duplex } = await connectedDuplex(h);
      duplex.connect();
      await once(duplex, 'connect');
      duplex.connect();
      const [error] = (await once(duplex, 'error')) as [unknown];
      expect(error).toMatchObject({ code: 'EISCONN', syscall: 'connect', message: 'connect EISCONN' });
    });

    spec('emits the error of a failed stream, and throws after the close', async (h) => {
      const { duplex } = testDuplex(h, { wire: failingWire(new IOStreamError('ECONNREFUSED', { phase: 'connect', errno: -111 })) });
      duplex.connect(7, () => expect.unreachable('not connected'));
      const [error] = (await once(duplex, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).toBe('ECONNREFUSED');
      await new Promise(setImmediate);
      expect(() => duplex.connect(7)).toThrow(expect.objectContaining({ code: 'ECLOSED' }));
    });
  });

  describe("'lookup'", () => {
    spec('is emitted before connect, with the address', async (h) => {
      const { port } = (await served(h)) as { port: number };
      const { duplex } = testDuplex(h, { host: 'x.test', port, lookup: (_host, _options, found) => found(null, '127.0.0.1', 4) });
      const events = eventsOf(duplex, 'lookup', 'connect');
      await once(duplex, 'connect');
      expect(events).toEqual([['lookup', null, '127.0.0.1', 4, 'x.test'], ['connect']]);
    });

    spec('is emitted with the error of the lookup, and not if the host is an address', async (h) => {
      const failure = Object.assign(new Error('getaddrinfo EAI_AGAIN x.test'), { code: 'EAI_AGAIN' });
      const { duplex } = testDuplex(h, { host: 'x.test', port: 7, lookup: (_host, _options, found) => found(failure, []) });
      const events = eventsOf(duplex, 'lookup');
      const [error] = (await once(duplex, 'error')) as [unknown];
      expect(error).toMatchObject({ code: 'EAI_AGAIN' });
      expect(events).toEqual([['lookup', error, undefined, undefined, 'x.test']]);

      const { duplex: other } = testDuplex(h, await served(h));
      const none = eventsOf(other, 'lookup');
      await once(other, 'connect');
      expect(none).toEqual([]);
    });
  });

  describe('setTimeout()', () => {
    spec('sets the member timeout, runs while connecting, and removes its callback with 0', async (h) => {
      const { duplex } = testDuplex(h, { wire: NEVER_CONNECTED });
      const unwanted = (): void => expect.unreachable();
      duplex.setTimeout(20, unwanted).setTimeout(0, unwanted);
      expect([duplex.timeout, duplex.listenerCount('timeout')]).toEqual([0, 0]);
      duplex.setTimeout(20);
      expect(duplex.timeout).toBe(20);
      await once(duplex, 'timeout');
      expect(duplex.destroyed).toBe(false);
    });

    it('is restarted when the connection is open', () => {
      const scheduler = new VirtualTimeScheduler();
      const wire: Wire = () => () =>
        new Observable((up) => {
          scheduler.schedule(() => up.next({ kind: 'connected', details: [{}] }), 250);
        });
      const duplex = toDuplex(new IOStream({ wire, scheduler }));
      const times: number[] = [];
      duplex.setTimeout(100).on('timeout', () => times.push(scheduler.now()));
      scheduler.flush();
      expect(times).toEqual([100, 350]);
    });

    it('is restarted by each sent part of a long write', () => {
      const scheduler = new VirtualTimeScheduler();
      const wire: Wire = () => () =>
        new Observable((up) => {
          scheduler.schedule(() => up.next({ kind: 'connected', details: [{}] }));
          for (const time of [60, 120, 180]) scheduler.schedule(() => up.next({ kind: 'sent', bytes: 2 }), time);
        });
      const duplex = toDuplex(new IOStream({ wire, scheduler, timeouts: { write: 0 } }));
      const times: number[] = [];
      duplex.setTimeout(100, () => times.push(scheduler.now())).write(Buffer.alloc(10));
      scheduler.flush();
      expect(times).toEqual([280]);
    });

    it('throws a TypeError for an invalid time', () => {
      const duplex = toDuplex(new IOStream({ wire: NEVER_CONNECTED }));
      for (const ms of [-1, NaN, '5', undefined]) expect(() => duplex.setTimeout(ms as number)).toThrow(TypeError);
      duplex.destroy();
    });
  });

  describe('Duplex on a server', () => {
    /** Listens, and passes each accepted stream to a server of Node. */
    async function acceptFor(h: Harness, server: http.Server | http2.Http2Server): Promise<{ port: number }> {
      const subscription = listen({ host: '127.0.0.1', port: 0, allowHalfOpen: true }, (io) => {
        server.emit('connection', toDuplex(io));
        return io.closed$;
      });
      const listening = new Promise<{ port: number }>((resolve) => {
        const running = subscription.subscribe(({ address }) => resolve({ port: (address as AddressInfo).port }));
        h.defer(() => running.unsubscribe());
      });
      return listening;
    }

    spec('serves cleartext http2', async (h) => {
      const { port } = await acceptFor(
        h,
        http2.createServer((_request, response) => response.end('h2c')),
      );
      const session = http2.connect(`http://127.0.0.1:${port}`);
      expect(await text(session.request({ ':path': '/' }))).toBe('h2c');
      session.close();
      await once(session, 'close');
    });

    spec('serves http, and sends the rejection of an upgrade by write() and destroy()', async (h) => {
      const server = http.createServer((_request, response) => response.end('x'.repeat(3_000_000)));
      server.on('upgrade', (_request, socket) => {
        socket.write('HTTP/1.1 401 Unauthorized\r\n\r\n');
        socket.destroy();
      });
      h.defer(() => server.close());
      const { port } = await acceptFor(h, server);
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, agent: false }, resolve).on('error', reject);
      });
      expect((await text(response)).length).toBe(3_000_000);
      const headers = { connection: 'Upgrade', upgrade: 'websocket' };
      const refused = await new Promise<http.IncomingMessage>((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, agent: false, headers }, resolve).on('error', reject);
      });
      refused.resume();
      expect(refused.statusCode).toBe(401);
    });
  });
});
