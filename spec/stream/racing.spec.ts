import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect } from 'vitest';
import { connect, RESOLVED, CONNECTED, type IOStream, type IOStreamOptions } from 'rxjs-io-stream';
import { blackHole, slowPort } from '../support/black-hole.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));

/** Dials a name that has these addresses. */
function dial(h: Harness, port: number, addresses: readonly string[], options: Partial<IOStreamOptions> = {}): ObserverSpy<IOStream> {
  const answer = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return h.observed(connect({ host: 'some.name', port, lookup: (_host, _options, callback) => callback(null, answer), ...options }));
}

/** Listens on one address, and on no other; the sockets it accepted. */
async function listening(h: Harness, host: string, port = 0): Promise<{ port: number; sockets: Socket[]; gone: Set<Socket> }> {
  const sockets: Socket[] = [];
  const gone = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.push(socket.resume());
    for (const event of ['end', 'error', 'close']) socket.on(event, () => gone.add(socket));
    h.defer(() => socket.destroy());
  }).listen({ host, port, ipv6Only: true });
  h.defer(() => server.close());
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sockets, gone };
}

const networks = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, turn) => `127.0.2.${from + turn}`);

describe('racing addresses', () => {
  spec('tries the next at once when one refuses: the last of eight is found without waiting', async (h) => {
    const { port } = await listening(h, '127.0.2.8');
    const started = performance.now();
    const io = await dial(h, port, networks(1, 8)).value();
    // Waiting for each would take 7 × 250 ms.
    expect(performance.now() - started).toBeLessThan(1500);
    expect([io.ip, io.remoteAddress]).toEqual(['127.0.2.8', '127.0.2.8']);
  });

  spec('waits for a slow first address that still answers, though the second refused', async (h) => {
    const hole = await slowPort(h);
    const seen = dial(h, hole.port, [hole.host, '127.0.2.1']);
    const started = performance.now();
    // The second is tried after 250 ms, and refuses at once.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(seen.state).toBe('open');
    hole.answer();
    const io = await seen.value();
    expect(io.remoteAddress).toBe(hole.host);
    expect(performance.now() - started).toBeGreaterThan(400);
  });

  spec('takes the second after 250 ms when the first is silent, and closes the first', async (h) => {
    const hole = await blackHole(h);
    const { sockets } = await listening(h, '127.0.2.2', hole.port);
    const started = performance.now();
    const io = await dial(h, hole.port, [hole.host, '127.0.2.2']).value();
    expect(performance.now() - started).toBeGreaterThan(245);
    expect(io.ip).toBe('127.0.2.2');
    await h.until(() => sockets.length === 1, 'accepted');
  });

  spec('keeps one connection: all others are closed', async (h) => {
    const first = await listening(h, '127.0.2.1');
    const second = await listening(h, '127.0.2.2', first.port);
    const seen = dial(h, first.port, ['127.0.2.1', '127.0.2.2']);
    const io = await seen.value();
    expect(io.ip).toBe('127.0.2.1');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([first.sockets.length, second.sockets.length, first.gone.size]).toEqual([1, 0, 0]);
    seen.unsubscribe();
    await h.until(() => first.gone.size === 1, 'FIN');
  });

  spec('tells the first candidate at RESOLVED, and the winner before CONNECTED', async (h) => {
    const { port } = await listening(h, '127.0.2.3');
    const told: unknown[] = [];
    await dial(h, port, networks(1, 3), { onEvent: ({ io, mask }) => told.push([mask, io.ip]) }).value();
    expect(told).toEqual([
      [RESOLVED, '127.0.2.1'],
      [CONNECTED, '127.0.2.3'],
    ]);
  });

  spec('with all refused is one error that lists every attempt, over an AggregateError', async (h) => {
    const port = await deadPort();
    const seen = await dial(h, port, networks(1, 8)).ended;
    h.error(seen.error, { code: 'ECONNREFUSED', phase: 'connect' });
    const { message, cause } = seen.error as { message: string; cause: AggregateError };
    for (const address of networks(1, 8)) expect(message).toContain(`${address} ECONNREFUSED`);
    expect(cause).toBeInstanceOf(AggregateError);
    expect(cause.errors.map((each: { address: string }) => each.address)).toEqual(networks(1, 8));
    expect(seen.values).toEqual([]);
  });

  spec('with one silent and the others refused is ETOCONNECT, when the time is over', async (h) => {
    const hole = await blackHole(h);
    const seen = await dial(h, hole.port, ['127.0.2.1', hole.host, '127.0.2.2'], { timeouts: { connect: 400 } }).ended;
    h.error(seen.error, { code: 'ETOCONNECT', phase: 'connect' });
    expect((seen.error as Error).message).toContain(`127.0.2.1, ${hole.host}, 127.0.2.2`);
  });

  describe.skipIf(!hasIPv6)('of both families (needs ::1)', () => {
    spec('interleaves them: ::1 comes second when all IPv4 come before it in the answer', async (h) => {
      const { port, sockets } = await listening(h, '::1');
      const addresses = ['127.0.2.1', '127.0.2.2', '127.0.2.3', '::1'];
      const io = await dial(h, port, addresses).value();
      expect([io.ip, io.remoteAddress]).toEqual(['::1', '::1']);
      await h.until(() => sockets.length === 1, 'accepted');
      const dead = await dial(h, await deadPort(), addresses).ended;
      expect((dead.error as Error).message).toMatch(/: 127\.0\.2\.1 \w+, ::1 \w+, 127\.0\.2\.2 \w+, 127\.0\.2\.3 \w+$/);
    });

    spec('goes from ::1 that refuses to an IPv4 address, and the other way round', async (h) => {
      for (const [good, bad] of [
        ['127.0.2.9', '::1'],
        ['::1', '127.0.2.9'],
      ] as const) {
        const { port } = await listening(h, good);
        expect((await dial(h, port, [bad, good]).value()).ip).toBe(good);
      }
    });

    spec('takes only those of the family that is asked for', async (h) => {
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
