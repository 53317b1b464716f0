import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect } from 'vitest';
import { connect, RESOLVED, CONNECTED, type IOStream, type IOStreamOptions } from 'rxjs-io-stream';
import { blackHole, slowPort } from '../support/black-hole.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));

/** Dials a name with these addresses. */
function dial(h: Harness, port: number, addresses: readonly string[], options: Partial<IOStreamOptions> = {}): ObserverSpy<IOStream> {
  const answer = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return h.observed(connect({ host: 'some.name', port, lookup: (_host, _options, callback) => callback(null, answer), ...options }));
}

/** Listens on one address alone. Returns the accepted sockets, and those that have ended. */
async function listening(h: Harness, host: string, port = 0): Promise<{ port: number; sockets: Socket[]; ended: Set<Socket> }> {
  const sockets: Socket[] = [];
  const ended = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.push(socket.resume());
    for (const event of ['end', 'error', 'close']) socket.on(event, () => ended.add(socket));
    h.defer(() => socket.destroy());
  }).listen({ host, port, ipv6Only: true });
  h.defer(() => server.close());
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sockets, ended };
}

const networks = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, turn) => `127.0.2.${from + turn}`);

describe('connecting to several addresses', () => {
  spec('tries the next address at once when one refuses', async (h) => {
    const { port } = await listening(h, '127.0.2.40');
    const started = performance.now();
    const io = await dial(h, port, networks(1, 40)).value();
    // A delay before each address would take 39 × 250 ms.
    expect(performance.now() - started).toBeLessThan(8000);
    expect([io.ip, io.remoteAddress]).toEqual(['127.0.2.40', '127.0.2.40']);
  });

  spec('waits for a slow first address although the second one has refused', async (h) => {
    const hole = await slowPort(h);
    const seen = dial(h, hole.port, [hole.host, '127.0.2.1']);
    const started = performance.now();
    // The second attempt starts after 250 ms, and is refused at once.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(seen.state).toBe('open');
    hole.answer();
    const io = await seen.value();
    expect(io.remoteAddress).toBe(hole.host);
    expect(performance.now() - started).toBeGreaterThan(400);
  });

  spec('tries the second address after 250 ms when the first one is silent', async (h) => {
    const hole = await blackHole(h);
    const { sockets } = await listening(h, '127.0.2.2', hole.port);
    const started = performance.now();
    const io = await dial(h, hole.port, [hole.host, '127.0.2.2']).value();
    expect(performance.now() - started).toBeGreaterThan(245);
    expect(io.ip).toBe('127.0.2.2');
    await h.until(() => sockets.length === 1, 'accepted');
  });

  spec('keeps one connection and closes the others', async (h) => {
    const first = await listening(h, '127.0.2.1');
    const second = await listening(h, '127.0.2.2', first.port);
    // In virtual time: a process that takes more than 250 ms to connect dials the second address, too.
    const scheduler = new TestScheduler(() => {});
    scheduler.maxFrames = 0;
    const seen = dial(h, first.port, ['127.0.2.1', '127.0.2.2'], { scheduler });
    await h.until(() => (scheduler.flush(), seen.values.length === 1), 'connected');
    expect(seen.values[0]?.ip).toBe('127.0.2.1');
    await h.until(() => first.sockets.length === 1, 'accepted');
    scheduler.maxFrames = 300;
    scheduler.flush();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([first.sockets.length, second.sockets.length, first.ended.size]).toEqual([1, 0, 0]);
    seen.unsubscribe();
    await h.until(() => (scheduler.flush(), first.ended.size === 1), 'FIN');
  });

  spec('sets ip to the first address at RESOLVED, and to the connected one before CONNECTED', async (h) => {
    const { port } = await listening(h, '127.0.2.3');
    const seen: unknown[] = [];
    await dial(h, port, networks(1, 3), { onEvent: ({ io, mask }) => seen.push([mask, io.ip]) }).value();
    expect(seen).toEqual([
      [RESOLVED, '127.0.2.1'],
      [CONNECTED, '127.0.2.3'],
    ]);
  });

  spec('reports one error that lists every attempt when all addresses refuse, with an AggregateError as its cause', async (h) => {
    const port = await deadPort();
    const seen = await dial(h, port, networks(1, 8)).ended;
    h.error(seen.error, { code: 'ECONNREFUSED', phase: 'connect' });
    const { message, cause } = seen.error as { message: string; cause: AggregateError };
    for (const address of networks(1, 8)) expect(message).toContain(`${address} ECONNREFUSED`);
    expect(cause).toBeInstanceOf(AggregateError);
    expect(cause.errors.map((each: { address: string }) => each.address)).toEqual(networks(1, 8));
    expect(seen.values).toEqual([]);
  });

  spec('reports ETOCONNECT when one address is silent and the others refuse', async (h) => {
    const hole = await blackHole(h);
    const seen = await dial(h, hole.port, ['127.0.2.1', hole.host, '127.0.2.2'], { timeouts: { connect: 400 } }).ended;
    h.error(seen.error, { code: 'ETOCONNECT', phase: 'connect' });
    expect((seen.error as Error).message).toContain(`127.0.2.1, ${hole.host}, 127.0.2.2`);
  });

  describe.skipIf(!hasIPv6)('of both families (requires ::1)', () => {
    spec('tries ::1 second although all IPv4 addresses come before it in the answer', async (h) => {
      const { port, sockets } = await listening(h, '::1');
      const addresses = ['127.0.2.1', '127.0.2.2', '127.0.2.3', '::1'];
      const io = await dial(h, port, addresses).value();
      expect([io.ip, io.remoteAddress]).toEqual(['::1', '::1']);
      await h.until(() => sockets.length === 1, 'accepted');
      const dead = await dial(h, await deadPort(), addresses).ended;
      expect((dead.error as Error).message).toMatch(/: 127\.0\.2\.1 \w+, ::1 \w+, 127\.0\.2\.2 \w+, 127\.0\.2\.3 \w+ \[ECONNREFUSED\]$/);
    });

    spec('tries an IPv4 address after ::1 has refused, and the other way round', async (h) => {
      for (const [good, bad] of [
        ['127.0.2.9', '::1'],
        ['::1', '127.0.2.9'],
      ] as const) {
        const { port } = await listening(h, good);
        expect((await dial(h, port, [bad, good]).value()).ip).toBe(good);
      }
    });

    spec('tries only addresses of the requested family', async (h) => {
      const six = await listening(h, '::1');
      await listening(h, '127.0.2.9', six.port);
      for (const [family, ip] of [
        [4, '127.0.2.9'],
        [6, '::1'],
      ] as const)
        expect((await dial(h, six.port, ['127.0.2.9', '::1'], { family }).value()).ip).toBe(ip);
    });
  });
});
