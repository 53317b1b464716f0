import { once } from 'node:events';
import http2 from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { AbstractConnector, Redis } from 'ioredis';
import { WebSocket, WebSocketServer } from 'ws';
import { describe, expect, it } from 'vitest';
import { toDuplex } from '../../src/adapters/to-duplex.ts';
import { rc4 } from '../../src/plugins/rc4.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import type { IOStreamOptions } from '../../src/stream/io-stream.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { ca, server as identity } from '../support/certificates.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, pattern, served } from '../support/loopback.ts';

/** Makes a stream to a socket of Node, and the Duplex over it. */
async function duplexTo(h: Harness, peer: (socket: Socket) => unknown, options: Partial<IOStreamOptions> = {}) {
  const io = new IOStream({ ...(await served(h, peer)), ...options });
  h.defer(() => io.reset());
  return { io, duplex: toDuplex(io) };
}

const echo = (socket: Socket): unknown => socket.pipe(socket);

/** Starts a tunnel with plugins in front of the server of a library. */
async function startTunnel(h: Harness, port: number, plugin: NonNullable<IOStreamOptions['plugin']>) {
  return served(h, (socket) => {
    const front = toDuplex(new IOStream({ fh: socket, plugin, allowHalfOpen: true }));
    const back = toDuplex(new IOStream({ host: '127.0.0.1', port, allowHalfOpen: true }));
    front.on('error', () => back.destroy()).pipe(back);
    back.on('error', () => front.destroy()).pipe(front);
  });
}

describe('toDuplex', () => {
  spec('carries a pipeline in both directions without loss', async (h) => {
    const { duplex } = await duplexTo(h, echo, { allowHalfOpen: true });
    const payload = pattern(3_000_000);
    const received = allOf(duplex);
    await pipeline([payload], duplex);
    h.sameBytes(await received, payload);
  });

  spec('accepts writes before it is connected, and emits connect', async (h) => {
    const { duplex } = await duplexTo(h, echo, { allowHalfOpen: true });
    expect(duplex.connecting).toBe(true);
    duplex.end('early');
    await once(duplex, 'connect');
    expect(duplex.connecting).toBe(false);
    expect(await text(duplex)).toBe('early');
  });

  spec('reads no faster than the library', async (h) => {
    let peer: Socket | undefined;
    const { io, duplex } = await duplexTo(h, (socket) => {
      peer = socket;
      socket.on('error', () => {});
      socket.end(Buffer.alloc(32 * 1024 * 1024));
    });
    await once(duplex, 'readable');
    await h.until(() => peer !== undefined && peer.writableLength > 0);
    // A round trip of the event loop, many times: it could have read all.
    for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
    expect(io.inBytes).toBeLessThan(1024 * 1024);
    duplex.destroy();
    await once(duplex, 'close');
  });

  spec('needs a drain while the peer does not read, and calls back when the bytes are sent', async (h) => {
    let peer: Socket | undefined;
    const { io, duplex } = await duplexTo(h, (socket) => void (peer = socket));
    duplex.resume();
    let written = 0;
    const total = 64;
    for (let i = 0; i < total; i += 1) duplex.write(Buffer.alloc(256 * 1024), () => (written += 1));
    await h.until(() => written > 0);
    expect(duplex.writableNeedDrain).toBe(true);
    expect(written).toBeLessThan(total);
    peer?.resume();
    await h.until(() => written === total);
    expect(io.outBytes).toBe(total * 256 * 1024);
    duplex.end();
    peer?.end();
    await once(duplex, 'close');
  });

  spec('continues to read after its own end, and to write after the end of the peer, with allowHalfOpen', async (h) => {
    const { duplex } = await duplexTo(
      h,
      async (socket) => {
        socket.end(`received ${(await allOf(socket)).toString()}`);
      },
      { allowHalfOpen: true },
    );
    duplex.end('this');
    expect(await text(duplex)).toBe('received this');

    const received: Promise<Buffer>[] = [];
    const { duplex: other } = await duplexTo(
      h,
      (socket) => {
        received.push(allOf(socket));
        socket.end('first');
      },
      { allowHalfOpen: true },
    );
    expect((await allOf(other)).toString()).toBe('first');
    other.end('later');
    await once(other, 'close');
    expect((await received[0]!).toString()).toBe('later');
  });

  spec('ends after the peer without allowHalfOpen', async (h) => {
    const { duplex } = await duplexTo(h, (socket) => socket.end('bye').resume());
    expect(await text(duplex)).toBe('bye');
    if (!duplex.closed) await once(duplex, 'close');
    expect(duplex.writableFinished).toBe(true);
  });

  spec('emits all bytes before the end of the peer, also if they are read late, and sends writes until then', async (h) => {
    let received: Promise<Buffer> | undefined;
    const { io, duplex } = await duplexTo(h, (socket) => {
      received = allOf(socket);
      socket.end('all of it');
    });
    await h.until(() => io.isEof);
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    expect(io.state).toBe('open');
    duplex.write('an answer');
    expect(await text(duplex)).toBe('all of it');
    expect((await received!).toString()).toBe('an answer');
    if (!duplex.closed) await once(duplex, 'close');
  });

  spec('is destroyed with the error of the stream, in the form of Node', async (h) => {
    const duplex = toDuplex(new IOStream({ host: '127.0.0.1', port: await deadPort() }));
    const [error] = (await once(duplex, 'error')) as [NodeJS.ErrnoException];
    expect(error).toMatchObject({ name: 'Error', code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1' });
    h.error(error.cause, { code: 'ECONNREFUSED', phase: 'connect' });
    expect(duplex.destroyed).toBe(true);
  });

  spec('closes the stream on destroy(), and resets it on destroy() with an error', async (h) => {
    const { io, duplex } = await duplexTo(h, echo);
    await once(duplex, 'connect');
    duplex.destroy();
    await once(duplex, 'close');
    expect(io.state).toBe('closed');

    let seen: unknown;
    const { duplex: other } = await duplexTo(h, (socket) => socket.on('error', (error) => (seen = error)).resume());
    await once(other, 'connect');
    const failing = once(other, 'error');
    other.destroy(new Error('no more'));
    expect(((await failing) as [Error])[0].message).toBe('no more');
    await h.until(() => seen !== undefined);
    expect((seen as NodeJS.ErrnoException).code).toBe('ECONNRESET');
  });

  spec('ends if the stream is closed by other code', async (h) => {
    const { io, duplex } = await duplexTo(h, echo);
    await once(duplex, 'connect');
    io.close();
    expect(await text(duplex)).toBe('');
    if (!duplex.closed) await once(duplex, 'close');
  });

  spec('emits timeout after inactivity, and closes nothing', async (h) => {
    const { duplex } = await duplexTo(h, echo);
    let calls = 0;
    duplex.setTimeout(30, () => (calls += 1));
    await once(duplex, 'timeout');
    expect([calls, duplex.destroyed]).toEqual([1, false]);
    duplex.setTimeout(0);
    duplex.destroy();
    await once(duplex, 'close');
  });

  spec('starts no timer after destroy()', async (h) => {
    const { duplex } = await duplexTo(h, echo);
    await once(duplex, 'connect');
    duplex.destroy();
    await once(duplex, 'close');
    expect(duplex.setTimeout(1_000_000, () => {})).toBe(duplex);
    expect(duplex.listenerCount('timeout')).toBe(0);
  });

  spec('emits the remaining bytes of a closed stream, then ends', async (h) => {
    const io = new IOStream(await served(h, (socket) => socket.end('all of it').resume()));
    await h.until(() => io.state === 'closed');
    const duplex = toDuplex(io);
    expect(await text(duplex)).toBe('all of it');
    if (!duplex.closed) await once(duplex, 'close');
  });

  spec('accepts the settings of a socket, and has its addresses', async (h) => {
    const { io, duplex } = await duplexTo(h, echo);
    expect(duplex.setNoDelay().setKeepAlive(true, 1000).ref().unref()).toBe(duplex);
    await once(duplex, 'connect');
    duplex.setNoDelay(false).setKeepAlive(false).ref();
    expect([duplex.remoteAddress, duplex.remotePort, duplex.localAddress]).toEqual(['127.0.0.1', io.port, '127.0.0.1']);
    duplex.destroySoon();
    await once(duplex, 'close');
  });

  spec('works over a memory pair', async () => {
    const [a, b] = memoryPair();
    const near = toDuplex(new IOStream({ wire: a, allowHalfOpen: true }));
    const far = toDuplex(new IOStream({ wire: b, allowHalfOpen: true }));
    far.pipe(far);
    near.end('there and back');
    expect(await text(near)).toBe('there and back');
  });

  it('throws a TypeError for a value that is not a stream', () => {
    expect(() => toDuplex('socket' as unknown as IOStream)).toThrow(new TypeError('expected an IOStream for toDuplex, got string'));
  });

  describe('toDuplex for libraries', () => {
    spec('carries ws through a cipher', async (h) => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      h.defer(() => server.close());
      server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const place = await startTunnel(h, port, { rc4: rc4('key') });
      const io = new IOStream({ ...place, plugin: { rc4: rc4('key') } });
      const socket = new WebSocket('ws://echo.test/', { createConnection: () => toDuplex(io) });
      await once(socket, 'open');
      const payload = pattern(300_000);
      socket.send(payload);
      const [answer] = (await once(socket, 'message')) as [Buffer];
      h.sameBytes(answer, payload);
      socket.close();
      await once(socket, 'close');
      expect(socket.readyState).toBe(WebSocket.CLOSED);
    });

    spec('carries http2 over TLS', async (h) => {
      const server = http2.createServer((request, response) => request.pipe(response));
      h.defer(() => server.close());
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const place = await startTunnel(h, port, { tls: tlsServer({ ...identity, ALPNProtocols: ['h2'] }) });
      const tls = tlsClient({ ca, servername: 'localhost', ALPNProtocols: ['h2'] });
      const duplex = toDuplex(new IOStream({ ...place, plugin: { tls } }));
      await once(duplex, 'secureConnect');
      expect([duplex.encrypted, duplex.alpnProtocol]).toEqual([true, 'h2']);
      const session = http2.connect('https://localhost', { createConnection: () => duplex });
      const request = session.request({ ':method': 'POST' });
      const payload = pattern(1_000_000);
      request.end(payload);
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      h.sameBytes(chunks, payload);
      session.close();
      await once(session, 'close');
    });

    spec('carries a Redis client', async (h) => {
      const asked: string[] = [];
      const server = createServer((socket) => socket.on('data', (data) => answer(socket, data, asked)));
      h.defer(() => server.close());
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const place = await startTunnel(h, port, { rc4: rc4('key') });
      class ThroughAStack extends AbstractConnector {
        constructor() {
          super(5000); // Time until it destroys a stream that does not close.
        }

        // The library accepts any Duplex; its types require a net.Socket.
        connect(): Promise<Socket> {
          this.connecting = true;
          const duplex: unknown = toDuplex(new IOStream({ ...place, plugin: { rc4: rc4('key') } }));
          this.stream = duplex as Socket;
          return Promise.resolve(this.stream);
        }
      }
      const redis = new Redis({ Connector: ThroughAStack, enableReadyCheck: false });
      expect(await Promise.all([redis.ping(), redis.ping(), redis.ping()])).toEqual(['PONG', 'PONG', 'PONG']);
      expect(asked.filter((word) => word === 'ping')).toHaveLength(3);
      redis.disconnect();
      await once(redis, 'end');
    });
  });
});

const ANSWERS: Readonly<Record<string, string>> = { ping: '+PONG', client: '+OK', info: '$0\r\n', hello: '%0' };

/** Answers the commands of this client, as a Redis server does. */
function answer(socket: Socket, data: Buffer, asked: string[]): void {
  for (const [, word = ''] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
    asked.push(word);
    socket.write(`${ANSWERS[word] ?? '-ERR'}\r\n`);
  }
}
