import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  dialer,
  IOStreamError,
  open,
  passthrough,
  tlsClient,
  type Dialer,
  type Door,
  type DoorOptions,
  type DialTarget,
} from 'rxjs-io-stream';
import { ca } from '../support/certificates.ts';
import { client, refusal } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { allOf, deadPort, pattern, served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { greeter, keeper, tlsGreeter } from './dialer-tools.ts';

/** Opens a door until the end of the spec. */
async function opened(h: Harness, through: Dialer, target: DialTarget, options?: DoorOptions): Promise<Door> {
  const door = await through.door(target, options);
  h.defer(() => door.close());
  return door;
}

/** Connects to a door with a plain socket of Node. */
function dialled(h: Harness, { host, port }: Door): Socket {
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.on('error', () => {});
  h.defer(() => socket.destroy());
  return socket;
}

describe('door of a dialer', () => {
  spec('listens on a free port of 127.0.0.1, and relays bytes and both ends', async (h) => {
    const place = (await served(h, (socket) => socket.pipe(socket))) as { host: string; port: number };
    const door = await opened(h, dialer({ plugin: { none: passthrough() } }), { ...place, port: String(place.port) });
    expect(door.host).toBe('127.0.0.1');
    const socket = dialled(h, door);
    const payload = pattern(1024 * 1024);
    socket.end(payload);
    h.sameBytes(await allOf(socket), payload);
  });

  spec('accepts no connection at another address of this machine', async (h) => {
    const door = await opened(h, dialer(), { port: await greeter(h) });
    const others = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    for (const { address } of others.filter(({ family, internal }) => family === 'IPv4' && !internal))
      expect(await refusal(h, { host: address, port: door.port })).toBe('ECONNREFUSED');
    expect(await refusal(h, { host: '127.0.0.2', port: door.port })).toBe('ECONNREFUSED');
  });

  spec('adds the TLS of the plugins to connections of clients in clear text', async (h) => {
    const door = await opened(h, dialer({ plugin: { tls: tlsClient({ ca }) } }), { host: 'localhost', port: await tlsGreeter(h) });
    h.sameBytes(await allOf(dialled(h, door)), 'hello');
  });

  spec('resets a client whose dial fails, emits why, and serves the next one', async (h) => {
    const port = await deadPort();
    const door = await opened(h, dialer(), { host: '127.0.0.1', port });
    const errors = h.observed(door.errors$, 'errors$');
    const first = await client(h, door);
    first.socket.write('bytes that no one reads');
    await h.until(() => first.closed);
    expect(first.error).toBe('ECONNRESET');
    h.error(await errors.value(), { code: 'ECONNREFUSED', phase: 'connect' });
    const second = await client(h, door);
    await h.until(() => second.closed);
    await h.until(() => errors.values.length === 2);
  });

  spec('resets its client when the target resets, after the bytes before', async (h) => {
    const place = (await served(h, (socket) => socket.write('last', () => setImmediate(() => socket.resetAndDestroy())))) as {
      host: string;
      port: number;
    };
    const door = await opened(h, dialer(), place);
    const errors = h.observed(door.errors$, 'errors$');
    // A stream of ours: libuv may report EOF although a RST followed the last bytes.
    const seen = h.observed((await open({ host: door.host, port: door.port, allowHalfOpen: true })).data$, 'data$');
    await seen.ended;
    h.sameBytes(seen.values, 'last');
    h.error(seen.error, { code: 'ECONNRESET', phase: 'read' });
    expect(await errors.value()).toMatchObject({ code: 'ECONNRESET', side: 'b' });
  });

  spec('frees a dial that is still in progress when its client has gone', async (h) => {
    const { sockets, ...place } = await keeper(h);
    // TLS to a server that never answers.
    const door = await opened(h, dialer({ plugin: { tls: tlsClient({ ca }) } }), place);
    const socket = dialled(h, door);
    await h.until(() => sockets.length === 1);
    const freed = once(sockets[0]!.resume(), 'close');
    socket.resetAndDestroy();
    await Promise.race([freed, once(sockets[0]!, 'end')]);
    expect(sockets).toHaveLength(1);
  });

  spec('drops connections over `maxConnections`', async (h) => {
    const { sockets, ...place } = await keeper(h);
    const door = await opened(h, dialer(), place, { maxConnections: 2 });
    const clients = [await client(h, door), await client(h, door), await client(h, door)];
    await h.until(() => clients.some(({ closed, ended }) => closed || ended));
    await h.until(() => sockets.length === 2);
    expect(clients.filter(({ closed, ended }) => !closed && !ended)).toHaveLength(2);
  });

  spec('stops listening and resets its connections when it is closed', async (h) => {
    const { sockets, accepted, ...place } = await keeper(h);
    const door = await dialer().door(place);
    const errors = h.observed(door.errors$, 'errors$');
    const seen = await client(h, door);
    const far = await accepted();
    far.resume();
    await door.close();
    await h.until(() => far.closed);
    await h.until(() => seen.closed || seen.ended);
    expect([errors.state, errors.values, sockets.length]).toEqual(['complete', [], 1]);
    expect(await refusal(h, door)).toBe('ECONNREFUSED');
    await door.close();
  });

  spec('is closed by `await using`', async (h) => {
    const door = await dialer().door({ port: 1 });
    await door[Symbol.asyncDispose]();
    expect(await refusal(h, door)).toBe('ECONNREFUSED');
  });

  spec('listens on the wanted port, and rejects if that is in use', async (h) => {
    const port = await deadPort();
    const door = await opened(h, dialer(), { port: 1 }, { port });
    expect(door.port).toBe(port);
    const error: unknown = await dialer()
      .door({ port: 1 }, { port })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(IOStreamError);
    expect((error as IOStreamError).code).toBe('EADDRINUSE');
  });

  it.each<[target: object, options: object | undefined, message: string]>([
    [{}, undefined, "expected `port` of a dialer's target"],
    [{ port: 80, host: 'with space' }, undefined, 'expected `host`'],
    [{ port: 80 }, { port: -1 }, '`port`'],
    [{ port: 80 }, { maxConnections: 0 }, '`maxConnections`'],
    [{ port: 80 }, { limit: 1 }, 'limit'],
  ])('rejects %j with options %j', async (target, options, message) => {
    const opening = dialer().door(target, options);
    await expect(opening).rejects.toThrow(TypeError);
    await expect(opening).rejects.toThrow(message);
  });
});
