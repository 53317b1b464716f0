import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, Server as NetServer } from 'node:net';
import { dirname } from 'node:path';
import { concat, endWith, firstValueFrom, ignoreElements, lastValueFrom, NEVER, tap, timer, type Observable } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { handshake, listen, open, type IOStream, type ListenOptions } from 'rxjs-io-stream';
import { client, type Client, portOf, refusal, serving } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { invariants } from '../support/invariants.ts';
import { spec } from '../support/spec.ts';
import { deadPort, socketPath } from '../support/loopback.ts';

const HOST = '127.0.0.1';
const silent = handshake({
  *talk(link) {
    yield* link.read(1);
  },
});
const echo = (io: IOStream): Observable<number> => io.send(io);
/** Node 20 ignores `reusePort`. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const hasReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

/** The error of a listener that cannot bind. */
async function failure(h: Harness, options: ListenOptions): Promise<Error> {
  const seen = await h.observed(listen(options)).ended;
  expect(seen).toMatchObject({ state: 'error', values: [] });
  return seen.error as Error;
}

describe('listen', () => {
  spec('is cold: binds at each subscription, and not before', async (h) => {
    const port = await deadPort();
    const server$ = listen({ host: HOST, port }, echo);
    expect(await refusal(h, { host: HOST, port })).toBe('ECONNREFUSED');
    for (let each = 0; each < 2; each += 1) {
      const seen = h.observed(server$);
      await seen.value();
      expect(await refusal(h, { host: HOST, port })).toBeUndefined();
      seen.unsubscribe();
      expect(await refusal(h, { host: HOST, port })).toBe('ECONNREFUSED');
    }
    const any$ = listen({ host: HOST, port: 0 });
    const [one, two] = [await h.observed(any$).value(), await h.observed(any$).value()];
    expect(portOf(one)).not.toBe(portOf(two));
  });

  spec('emits one server, which knows its address and port, and does not complete', async (h) => {
    const { server, seen } = await serving(h, echo);
    expect(server.address).toEqual({ address: HOST, family: 'IPv4', port: expect.any(Number) as number });
    expect(portOf(server)).toBeGreaterThan(0);
    expect(seen).toMatchObject({ state: 'open', values: [server] });
  });

  spec('listens on a UNIX socket, whose path is its address, and removes it', async (h) => {
    const path = socketPath(h);
    const seen = h.observed(listen({ path }, echo));
    expect((await seen.value()).address).toBe(path);
    const peer = await client(h, { path });
    peer.socket.end('hello');
    await h.until(() => peer.ended, 'the echo');
    expect(peer.text).toBe('hello');
    seen.unsubscribe();
    await h.until(() => !existsSync(path), 'the path is gone');
  });

  spec('creates streams with its options and own fields', async (h) => {
    const events: number[] = [];
    const seen = h.observed(
      listen({ host: HOST, port: 0, timeouts: { idle: 500 }, onEvent: ({ mask }) => events.push(mask), Count: 7 }, (io) => {
        expect(io.Count).toBe(7);
        expect(io.timeouts).toMatchObject({ idle: 500, write: 30_000 });
        expect(io).toMatchObject({ remoteAddress: HOST, localAddress: HOST, state: 'open' });
        return NEVER;
      }),
    );
    const server = await seen.value();
    const errors = h.observed(server.errors$);
    const peer = await client(h, { host: HOST, port: portOf(server) });
    peer.socket.write('x');
    h.error(await errors.value(), { code: 'ETOIDLE' });
    expect(events).toEqual([4]);
  });

  spec('limits the pending bytes of each stream to 1 MiB by default', async (h) => {
    const accepted: boolean[] = [];
    const { at, errors } = await serving(h, (io) => {
      for (let each = 0; each < 2; each += 1) {
        io.write(Buffer.alloc(1024 * 1024));
        accepted.push(io.outBuf.length === 1024 * 1024);
      }
      return NEVER;
    });
    await client(h, at);
    h.error(await errors.value(), { code: 'EOUTBUFLIMIT' });
    expect(accepted).toEqual([true, true]);
  });

  describe('unsubscribed', () => {
    spec('stops listening and closes all: 200 clients see what was written, and FIN', async (h) => {
      const { at, seen, server } = await serving(h, (io) => (io.write('before'), NEVER));
      const peers: Client[] = [];
      for (let each = 0; each < 200; each += 1) peers.push(await client(h, at));
      await h.until(() => server.size === 200, 'all served');
      seen.unsubscribe();
      // The port is free at once, with all those connections still on their way out.
      const again = h.observed(listen(at, echo));
      await again.value();
      await h.until(() => peers.every(({ ended }) => ended), 'FIN');
      expect(peers.every(({ text, error }) => text === 'before' && error === undefined)).toBe(true);
      for (const { socket } of peers) socket.end();
      await h.until(() => server.size === 0, 'all are gone');
      const peer = await client(h, at);
      peer.socket.end('hello');
      await h.until(() => peer.ended, 'the echo');
      expect(peer.text).toBe('hello');
    });

    spec('before it is bound, leaves nothing behind', async (h) => {
      for (const host of ['localhost', HOST]) {
        const port = await deadPort();
        const seen = h.observed(listen({ host, port }, echo));
        seen.unsubscribe();
        const probe = h.observed(listen({ host, port }, echo));
        await probe.value(); // whatever the first one waited for has been answered
        probe.unsubscribe();
        expect(await refusal(h, { host: HOST, port })).toBe('ECONNREFUSED');
        expect(seen.values).toEqual([]);
      }
    });

    spec('inside of its first notification, leaves nothing behind', async (h) => {
      const address = await new Promise<unknown>((resolve) => {
        const subscription = listen({ host: HOST, port: 0 }).subscribe((server) => {
          resolve(server.address);
          subscription.unsubscribe();
        });
      });
      expect(await refusal(h, address as { port: number })).toBe('ECONNREFUSED');
    });

    spec('does so with streams that are in their handshakes', async (h) => {
      const { at, seen, server } = await serving(h, echo, {
        plugin: { silent },
      });
      const peer = await client(h, at);
      await h.until(() => server.size === 1, 'accepted');
      seen.unsubscribe();
      await h.until(() => peer.closed || peer.ended, 'gone');
      peer.socket.destroy();
    });
  });

  describe('a bind that fails errors with the code of the system', () => {
    spec('EADDRINUSE', async (h) => {
      const { at } = await serving(h, echo);
      const error = await failure(h, at);
      h.error(error, { code: 'EADDRINUSE', phase: 'connect' });
      expect(error).toMatchObject({ syscall: 'listen', address: HOST, port: at.port });
    });

    spec('EADDRNOTAVAIL', async (h) => {
      h.error(await failure(h, { host: '192.0.2.1', port: 0 }), { code: 'EADDRNOTAVAIL', phase: 'connect' });
    });

    spec('EDNS for a name that has no address', async (h) => {
      h.error(await failure(h, { host: 'no-such-name.invalid', port: 0 }), { code: 'EDNS', phase: 'resolve' });
    });

    spec.skipIf(process.platform === 'win32')('EACCES', async (h) => {
      const path = socketPath(h);
      mkdirSync(`${path}.d`, { mode: 0o500 });
      const isRoot = process.getuid?.() === 0;
      if (isRoot) process.seteuid?.(65534);
      try {
        h.error(await failure(h, { path: `${path}.d/socket` }), { code: 'EACCES', phase: 'connect' });
      } finally {
        if (isRoot) process.seteuid?.(0);
      }
    });

    spec('EACCES for a directory that does not exist, which the message names', async (h) => {
      const path = `${socketPath(h)}/not/there`;
      const error = await failure(h, { path });
      h.error(error, { code: 'EACCES', phase: 'connect' });
      expect(error.message).toContain(`no directory ${dirname(path)}`);
    });

    spec('for a path that is too long for the system', async (h) => {
      const path = `${socketPath(h)}${'x'.repeat(200)}`;
      h.error(await failure(h, { path }), { code: 'ENAMETOOLONG', phase: 'connect' });
      expect(existsSync(path.slice(0, 108))).toBe(false);
    });

    spec('EADDRINUSE for a UNIX socket that is in use', async (h) => {
      const path = socketPath(h);
      await h.observed(listen({ path })).value();
      const error = await failure(h, { path });
      h.error(error, { code: 'EADDRINUSE', phase: 'connect' });
      expect(error.message).not.toContain('stale');
    });

    spec('EADDRINUSE for a stale socket file, which the message names', async (h) => {
      const path = socketPath(h);
      const dead = createServer().listen(path);
      await once(dead, 'listening');
      renameSync(path, `${path}.kept`); // its server removes the path it knows
      dead.close();
      await once(dead, 'close');
      renameSync(`${path}.kept`, path);
      const error = await failure(h, { path });
      h.error(error, { code: 'EADDRINUSE', phase: 'connect' });
      expect(error.message).toBe(
        `listen EADDRINUSE: ${path} is a stale socket file: no process listens on it; remove the file and listen again [EADDRINUSE]`,
      );
      expect(statSync(path).isSocket()).toBe(true); // removing it is the user's to do
    });

    spec('EADDRINUSE for a file that is no socket, without the advice to remove it', async (h) => {
      const path = socketPath(h);
      writeFileSync(path, 'precious');
      const error = await failure(h, { path });
      h.error(error, { code: 'EADDRINUSE', phase: 'connect' });
      expect(error.message).not.toContain('stale');
    });

    spec.runIf(process.platform === 'linux')(
      'to an abstract socket, which `open` reaches, and reports EADDRINUSE for a second one',
      async (h) => {
        const path = `\0rxjs-io-stream-${process.pid}`;
        const listening = new Promise<unknown>((resolve, reject) => {
          const serving = listen({ path }, (io) => io.send(io)).subscribe({ next: ({ address }) => resolve(address), error: reject });
          h.defer(() => serving.unsubscribe());
        });
        expect(await listening).toBe(path);
        h.error(await failure(h, { path }), { code: 'EADDRINUSE', phase: 'connect' });
        const io = await open({ path });
        io.end('echo');
        expect(String(await firstValueFrom(io.data$))).toBe('echo');
        io.close();
        await firstValueFrom(io.closed$);
      },
    );
  });

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /options/],
    [
      'neither port nor path',
      { host: HOST },
      /one of `port`, `path`, `fd`, `activation` and `from` to listen on, got (none|`port` and `path`)/,
    ],
    ['both', { port: 0, path: '/x' }, /one of `port`, `path`, `fd`, `activation` and `from` to listen on, got (none|`port` and `path`)/],
    ['port and fd', { port: 0, fd: 3 }, /got `port` and `fd`/],
    ['fd -1', { fd: -1 }, /`fd` to be a file descriptor, 0 or more, got -1/],
    ['from without a port', { from: 1 }, /`from` to be a MessagePort/],
    ['from and maxConnections', { from: process, maxConnections: 1 }, /`from`/],
    ['activation false', { activation: false }, /`activation` to be true or the name of a descriptor, got false/],
    ['an empty name', { activation: '' }, /`activation`/],
    ['port 70000', { port: 70_000 }, /`port`.* 70000/],
    ['port -1', { port: -1 }, /`port`/],
    ['port 1.5', { port: 1.5 }, /`port`/],
    ["port '80'", { port: '80' }, /`port`/],
    ['an empty path', { path: '' }, /`path`/],
    ['a path with NUL', { path: '/x\0' }, /`path`/],
    ['an abstract path with a second NUL', { path: '\0x\0' }, /`path`/],
    ['an empty host', { port: 0, host: '' }, /`host`/],
    ['a backlog of -1', { port: 0, backlog: -1 }, /`backlog`/],
    ['maxConnections 0', { port: 0, maxConnections: 0 }, /`maxConnections`/],
    ["ipv6Only 'yes'", { port: 0, ipv6Only: 'yes' }, /`ipv6Only`/],
    ['exclusive 1', { port: 0, exclusive: 1 }, /`exclusive`/],
    ['reusePort null', { port: 0, reusePort: null }, /`reusePort`/],
    ['an unknown option', { port: 0, plugins: {} }, /`plugins`/],
    ['an option of streams', { port: 0, highWaterMark: -1 }, /`highWaterMark`/],
    ['a timeout', { port: 0, timeouts: { idle: -1 } }, /`timeouts.idle`/],
    ['a cb without the method', { port: 0, cb: {}, method: 'on' }, /`on`/],
    ['fh', { port: 0, fh: 0 }, /`fh`/],
    ['wire', { port: 0, wire: () => () => NEVER }, /`wire`/],
    ['signal', { port: 0, signal: {} }, /`signal`/],
  ])('throws a TypeError at the call for %s', (_name, options, words) => {
    expect(() => listen(options as ListenOptions, echo)).toThrow(TypeError);
    expect(() => listen(options as ListenOptions, echo)).toThrow(words);
  });

  it('throws a TypeError for a handler that is no function', () => {
    expect(() => listen({ port: 0 }, 'echo' as never)).toThrow(/handler/);
  });

  describe('binds', () => {
    spec('to IPv6 and IPv4, or with ipv6Only to IPv6 alone', async (h) => {
      for (const [ipv6Only, code] of [
        [false, undefined],
        [true, 'ECONNREFUSED'],
      ] as const) {
        const server = await h.observed(listen({ host: '::', port: 0, ipv6Only }, echo)).value();
        const port = portOf(server);
        expect(await refusal(h, { host: HOST, port })).toBe(code);
        expect(await refusal(h, { host: '::1', port })).toBeUndefined();
      }
    });

    spec('passes backlog, exclusive and reusePort to Node unchanged', async (h) => {
      const listening = vi.spyOn(NetServer.prototype, 'listen');
      h.defer(() => listening.mockRestore());
      await h.observed(listen({ host: HOST, port: 0, backlog: 3, exclusive: true, reusePort: false })).value();
      await h.observed(listen({ port: 0 })).value();
      expect(listening.mock.calls.map(([options]) => options as unknown)).toEqual([
        { host: HOST, port: 0, backlog: 3, exclusive: true, reusePort: false },
        { port: 0 },
      ]);
    });

    it('to a port twice with reusePort', async ({ skip }) => {
      skip(!hasReusePort, `Node ${process.versions.node} has no reusePort: it came with 22.12 and 23.1`);
      skip(process.platform !== 'linux', 'needs a system with SO_REUSEPORT that shares the load');
      await invariants(async (h) => {
        const { at } = await serving(h, echo, { reusePort: true });
        await h.observed(listen({ ...at, reusePort: true }, echo)).value();
      })();
    });
  });

  spec('serves many at a time, each its own', async (h) => {
    const { at, server } = await serving(h, echo);
    const talks = Array.from({ length: 50 }, async (_, turn) => {
      const peer = await client(h, at);
      peer.socket.end(`client ${turn}`);
      await h.until(() => peer.ended, 'the echo');
      return peer.text;
    });
    expect(await Promise.all(talks)).toEqual(Array.from({ length: 50 }, (_, turn) => `client ${turn}`));
    expect(await lastValueFrom(server.drain({ deadline: 10_000 }))).toMatchObject({ cut: 0 });
  });

  spec('takes undefined for the defaults: an outBufLimit of 1 MiB, and no half-open connections', async (h) => {
    const limits: number[] = [];
    for (const [options, limit, answer] of [
      [{}, 2 ** 20, ''],
      [{ outBufLimit: undefined, allowHalfOpen: undefined }, 2 ** 20, ''],
      [{ outBufLimit: 5, allowHalfOpen: true }, 5, 'answer'],
    ] as const) {
      const { at } = await serving(
        h,
        (io) => (
          limits.push(io.outBufLimit),
          concat(io.data$, timer(5)).pipe(
            ignoreElements(),
            endWith(0),
            tap(() => io.write('answer')),
          )
        ),
        options,
      );
      const peer = await client(h, at);
      peer.socket.end('question');
      await h.until(() => peer.ended, 'the end');
      expect([peer.text, limits.at(-1)]).toEqual([answer, limit]);
    }
  });
});
