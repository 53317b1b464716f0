import { once } from 'node:events';
import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { setTimeout as wait } from 'node:timers/promises';
import { assert, describe, expect } from 'vitest';
import { passthrough } from '../../../src/plugins/passthrough.ts';
import { nodeTlsOf } from '../../../src/plugins/tls/node-tls.ts';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { fromFh } from '../../../src/wire/fh/fh.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import * as certificates from '../../support/certificates.ts';
import type { Harness } from '../../support/harness.ts';
import { nodeTlsServer } from '../../support/node-tls-server.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, VERSIONS, type Version } from '../../support/tls-pair.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';

const { ca, server } = certificates;
const LONG = Buffer.alloc(8 * 2 ** 20, 'long');

/** Directly on a socket, TLS of Node uses it itself. With a layer in between, each byte passes through that layer. */
const PATHS: Record<string, readonly (readonly [string, Plugin])[]> = {
  'directly on a socket': [],
  'with a layer between': [['between', passthrough()]],
};
const CASES = VERSIONS.flatMap((version) => Object.keys(PATHS).map((path) => [version, path] as const));

/** Runs `work` later: a TLS 1.3 server of Node that ends inside of its handshake sends no close_notify. */
const later = (work: () => unknown): void => void setTimeout(work, 10);

/** Relays a connection to a TLS server, and lets `cut` decide what is done with the bytes of the server. */
async function through(h: Harness, to: unknown, cut: (bytes: Buffer, client: Socket) => void): Promise<{ host: string; port: number }> {
  const relay = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = dial({ ...(to as { host: string; port: number }), allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      socket.on('error', () => {});
      h.defer(() => socket.destroy());
    }
    client.pipe(upstream);
    upstream.on('data', (bytes: Buffer) => cut(bytes, client));
  }).listen(0, '127.0.0.1');
  h.defer(() => relay.close());
  await once(relay, 'listening');
  return { host: '127.0.0.1', port: (relay.address() as AddressInfo).port };
}

function client(h: Harness, path: string, maxVersion: Version, to: unknown, options: TlsClientOptions = {}): WireDriver {
  const wire = stack([['ssl', tlsClient({ ca, maxVersion, ...options })], ...PATHS[path]!], tcp());
  return new WireDriver(h, wire, { ...dialOf({ close: 500 }), to: to as { host: string; port: number } });
}

describe.each(CASES)('TLS of Node, %s, %s', (version, path) => {
  spec('uses the socket itself only if no layer lies in between', async (h) => {
    const near = client(h, path, version, await nodeTlsServer(h, {}));
    await near.waitFor('connected');
    const { socket } = nodeTlsOf(detailsOf(near))!;
    expect(socket.remotePort !== undefined).toBe(PATHS[path]!.length === 0);
  });

  spec('sees a FIN after each byte of close_notify but the last as truncated', async (h) => {
    let size = 0;
    for (let missing = 0; missing === 0 || missing <= size; missing += 1) {
      let last = false;
      let sender: TLSSocket | undefined;
      const server = await nodeTlsServer(h, {}, (socket) => void (sender = socket).write('all'));
      const to = await through(h, server, (bytes, far) => {
        if (!last) {
          far.write(bytes);
          return;
        }
        size = bytes.length;
        far.end(bytes.subarray(0, size - missing));
      });
      const near = client(h, path, version, to);
      // What passes the relay from then on is close_notify.
      await h.until(() => near.text === 'all');
      last = true;
      sender!.end();
      await near.waitFor('end');
      const end = near.up.values.find(({ kind }) => kind === 'end');
      expect(end, `${missing} of ${size} bytes missing`).toStrictEqual(missing === 0 ? { kind: 'end' } : { kind: 'end', truncated: true });
      expect(near.text).toBe('all');
      near.close();
      await near.up.ended;
    }
    expect(size).toBeGreaterThan(20);
  });

  spec('sees close_notify without a FIN as the end', async (h) => {
    const server = await nodeTlsServer(h, {}, (socket) => later(() => socket.end('all')));
    const to = await through(h, server, (bytes, far) => far.write(bytes));
    const near = client(h, path, version, to);
    await near.waitFor('end');
    expect([near.text, near.up.values.at(-1)]).toStrictEqual(['all', { kind: 'end' }]);
    near.close();
    await near.up.ended;
    expect(near.up.state).toBe('complete');
  });

  spec('sees close_notify as the end also if the application has paused just before', async (h) => {
    const server = await nodeTlsServer(h, {}, (socket) => later(() => socket.end(LONG.subarray(0, 200_000))));
    const near = client(h, path, version, server, { truncation: 'error' });
    await near.waitFor('data');
    near.pause();
    await wait(50);
    near.resume();
    await near.waitFor('end');
    expect([near.received, near.up.values.at(-1)]).toStrictEqual([200_000, { kind: 'end' }]);
    near.close();
    await near.up.ended;
  });

  spec('emits all bytes before a reset in the middle of a record', async (h) => {
    let left = Infinity;
    const server = await nodeTlsServer(h, {}, (socket) => {
      socket.write('first');
      later(() => {
        left = 40_000;
        socket.write(LONG.subarray(0, 64_000));
      });
    });
    const to = await through(h, server, (chunk, far) => {
      const isCut = chunk.length > left;
      far.write(chunk.subarray(0, left));
      left -= Math.min(left, chunk.length);
      if (isCut) setTimeout(() => far.resetAndDestroy(), 50);
    });
    const near = client(h, path, version, to);
    await near.up.ended;
    h.error(near.up.error, { code: 'ECONNRESET', phase: 'read' });
    h.sameBytes(near.bytes, Buffer.concat([Buffer.from('first'), LONG.subarray(0, 2 * 16_384)]));
  });

  spec('keeps a pause that came before the connection', async (h) => {
    const server = await nodeTlsServer(h, {}, (socket) => socket.end(LONG));
    const near = client(h, path, version, server);
    near.pause();
    await near.waitFor('connected');
    await wait(100);
    expect(near.received).toBeLessThan(2 ** 18);
    near.resume();
    await near.waitFor('end');
    expect(near.received).toBe(LONG.length);
    near.close();
    await near.up.ended;
  });

  spec('pauses the peer while the application pauses, and loses nothing', async (h) => {
    let sent = 0;
    const server = await nodeTlsServer(h, {}, (socket) => {
      socket.write(LONG, () => (sent = LONG.length));
      socket.end();
    });
    const near = client(h, path, version, server);
    await near.waitFor('data');
    near.pause();
    await wait(100);
    const before = near.received;
    await wait(100);
    expect([near.received, sent]).toStrictEqual([before, 0]);
    expect(before).toBeLessThan(2 ** 20);
    near.resume();
    await near.waitFor('end');
    expect(near.received).toBe(LONG.length);
    near.close();
    await near.up.ended;
  });

  spec('pauses the application while the peer does not read, and reports each sent byte', async (h) => {
    let socket: TLSSocket | undefined;
    const server = await nodeTlsServer(h, {}, (secure) => (socket = secure.pause()));
    const near = client(h, path, version, server);
    await near.waitFor('connected');
    for (let at = 0; at < LONG.length; at += 100_000) near.write(LONG.subarray(at, at + 100_000));
    await near.waitFor('pause');
    let received = 0;
    await h.until(() => socket !== undefined);
    socket!.on('data', (chunk: Buffer) => (received += chunk.length));
    socket!.resume();
    await near.waitFor('resume');
    near.end();
    socket!.on('end', () => socket!.end());
    await near.up.ended;
    expect([received, near.sent, near.up.state]).toStrictEqual([LONG.length, LONG.length, 'complete']);
  });

  spec('half-closes in both orders', async (h) => {
    for (const first of ['we', 'the peer']) {
      let received = '';
      const server = await nodeTlsServer(h, {}, (socket) => {
        socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
        if (first === 'we') socket.on('end', () => socket.end('answer'));
        else later(() => socket.end('answer'));
      });
      const near = client(h, path, version, server, { truncation: 'error' });
      await near.waitFor('connected');
      if (first === 'we') near.end();
      await near.waitFor('end');
      if (first !== 'we') {
        near.write('question');
        near.end();
      }
      await near.up.ended;
      await h.until(() => first === 'we' || received === 'question');
      expect([near.text, near.up.state]).toStrictEqual(['answer', 'complete']);
    }
  });

  spec('keeps its FIN back after its own end, unless it is directly on a socket without allowHalfOpen', async (h) => {
    for (const allowHalfOpen of [true, false]) {
      const sendsFin = PATHS[path]!.length === 0 && !allowHalfOpen;
      let relayed: Socket | undefined;
      let hasFin: boolean | undefined;
      const answer = h.peer(async (socket: TLSSocket) => {
        if (sendsFin) await h.until(() => relayed?.readableEnded === true, 'our FIN');
        else await wait(50);
        hasFin = relayed?.readableEnded;
        socket.end('answer');
      });
      const server = await nodeTlsServer(h, {}, (socket) => socket.resume().on('end', () => void answer(socket)));
      const to = await through(h, server, (bytes, far) => (relayed = far).write(bytes));
      const wire = stack([['ssl', tlsClient({ ca, maxVersion: version })], ...PATHS[path]!], tcp());
      const near = new WireDriver(h, wire, { ...dialOf({ close: 500 }), to, allowHalfOpen });
      await near.waitFor('connected');
      near.end();
      await near.waitFor('end');
      expect([near.text, hasFin]).toStrictEqual(['answer', sendsFin]);
      near.close();
      await near.up.ended;
    }
  });

  spec('sends close_notify when it closes at once, in both roles', async (h) => {
    const ends: string[] = [];
    const to = await nodeTlsServer(h, {}, (socket) => socket.resume().on('end', () => ends.push('end')));
    const near = client(h, path, version, to);
    await near.waitFor('connected');
    near.write('bye');
    near.close();
    await near.up.ended;

    const accepted: Socket[] = [];
    const listener = createServer({ allowHalfOpen: true }, (socket) => accepted.push(socket)).listen(0, '127.0.0.1');
    h.defer(() => listener.close());
    await once(listener, 'listening');
    const peer = connectTls({
      port: (listener.address() as AddressInfo).port,
      host: '127.0.0.1',
      ca,
      servername: 'localhost',
      maxVersion: version,
    });
    h.defer(() => peer.destroy());
    peer
      .on('error', () => {})
      .resume()
      .on('end', () => ends.push('end'));
    await h.until(() => accepted.length > 0);
    const far = new WireDriver(h, stack([['ssl', tlsServer(server)], ...PATHS[path]!], fromFh(accepted[0]!)), dialOf({ close: 500 }));
    await far.waitFor('connected');
    far.close();
    await far.up.ended;
    await h.until(() => ends.length === 2);
    assert([near.up.state, far.up.state].every((state) => state === 'complete'));
  });

  spec('resets the socket', async (h) => {
    let isConnected = false;
    let code: unknown;
    const server = await nodeTlsServer(h, {}, (socket) => {
      isConnected = true;
      socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code)).resume();
    });
    const near = client(h, path, version, server);
    await near.waitFor('connected');
    await h.until(() => isConnected, 'the handshake of the server');
    near.reset(new Error('enough'));
    await h.until(() => code === 'ECONNRESET');
  });
});

spec.each(Object.keys(PATHS))('refuses a renegotiation %s', async (h, path) => {
  const server = await nodeTlsServer(h, { maxVersion: 'TLSv1.2' }, (socket) => {
    socket.write('before', () => socket.renegotiate({}, () => {}));
  });
  const near = client(h, path, 'TLSv1.2', server);
  await near.up.ended;
  h.error(near.up.error, { code: 'ETLS', phase: 'read' });
  expect((near.up.error as Error).message).toMatch(/renegotiation/);
  expect(near.text).toBe('before');
});
