import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { ReadableStream, type WritableStreamDefaultWriter } from 'node:stream/web';
import { inspect } from 'node:util';
import { noop } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { toWebStreams, type WebStreams } from '../../src/adapters/to-web-streams.ts';
import { connect } from '../../src/stream/connect.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { open } from '../../src/stream/open.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { checkWire } from '../../src/testing/rules/check-wire.ts';
import { webStreams } from '../../src/wire/web-streams/web-streams.ts';
import * as certificates from '../support/certificates.ts';
import { createServer as createTlsServer } from 'node:tls';
import { resetAtEnd } from '../stream/tools.ts';
import type { Harness } from '../support/harness.ts';
import { deadPort } from '../support/loopback.ts';
import { tcpUnderTest } from '../support/net-peer.ts';
import { spec } from '../support/spec.ts';

/** A stream over TCP, and the socket at its other end. */
async function connected(h: Harness, options: object = {}): Promise<{ io: IOStream; peer: Socket; port: number }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
  }).listen(0, '127.0.0.1');
  h.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const io = await open({ host: '127.0.0.1', port, allowHalfOpen: true, ...options });
  await h.until(() => sockets.length === 1);
  return { io, peer: sockets[0]!, port };
}

/** Reads all text of a socket, which stays open for writing. */
async function receivedBy(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
  await once(socket, 'end');
  return text;
}

/** Reads all text of a stream. */
async function textOf(readable: WebStreams['readable']): Promise<string> {
  let text = '';
  for await (const bytes of readable as AsyncIterable<Uint8Array>) text += Buffer.from(bytes).toString();
  return text;
}

describe('toWebStreams', () => {
  it('throws for anything but an IOStream', () => {
    expect(() => toWebStreams({} as never)).toThrow('expected an IOStream for toWebStreams, got an object (Object)');
  });

  spec('reads and writes, and ends each direction by itself', async (h) => {
    const { io, peer } = await connected(h);
    const { readable, writable, closed } = toWebStreams(io);
    const writer = writable.getWriter();
    await writer.write(Buffer.from('bytes '));
    await writer.write(Uint8Array.from(Buffer.from('buffer')).buffer);
    await writer.close();
    expect(await receivedBy(peer)).toBe('bytes buffer');
    peer.end('answer');
    expect(await textOf(readable)).toBe('answer');
    await closed;
  });

  spec('resolves `opened` with the addresses, and `closed` after close()', async (h) => {
    const { io, port, peer } = await connected(h);
    peer.on('end', () => peer.end()).resume();
    const { opened, closed, close } = toWebStreams(io);
    expect(await opened).toEqual({ remoteAddress: `127.0.0.1:${port}`, localAddress: `127.0.0.1:${io.localPort}`, alpn: null });
    expect(close()).toBe(closed);
    await closed;
  });

  spec('resolves `opened` of a stream that is still opening, with the protocol of TLS', async (h) => {
    const server = createTlsServer({ ...certificates.server, ALPNProtocols: ['x-test'] }, (socket) => {
      socket.on('error', () => {}).end();
    }).listen(0, '127.0.0.1');
    h.defer(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const plugin = { tls: tlsClient({ ca: certificates.ca, servername: 'localhost', ALPNProtocols: ['x-test'] }) };
    const io = new IOStream({ host: '127.0.0.1', port, plugin });
    const { opened, readable, closed } = toWebStreams(io);
    expect((await opened).alpn).toBe('x-test');
    expect(await textOf(readable)).toBe('');
    await closed;
  });

  spec('rejects everything if the connection fails, and leaves no unhandled rejection', async () => {
    const port = await deadPort();
    const unread = toWebStreams(new IOStream({ host: '127.0.0.1', port }));
    const { opened, closed, readable, writable } = toWebStreams(new IOStream({ host: '127.0.0.1', port }));
    const expected = { code: 'ECONNREFUSED', phase: 'connect' };
    await expect(opened).rejects.toMatchObject(expected);
    await expect(closed).rejects.toMatchObject(expected);
    await expect(textOf(readable)).rejects.toMatchObject(expected);
    await expect(writable.getWriter().write(Buffer.from('x'))).rejects.toMatchObject(expected);
    await unread.opened.catch(() => {});
  });

  spec('fills the buffers of a BYOB reader, and keeps what does not fit', async (h) => {
    const { io, peer } = await connected(h);
    const reader = toWebStreams(io).readable.getReader({ mode: 'byob' });
    peer.end('abcdefghij');
    const seen: string[] = [];
    let buffer = new ArrayBuffer(4);
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (value) {
        seen.push(Buffer.from(value).toString());
        buffer = value.buffer;
      }
      if (done) break;
    }
    expect(seen.join('')).toBe('abcdefghij');
    expect(Math.max(...seen.map(({ length }) => length))).toBe(4);
    io.close();
  });

  spec('reports a reset after the bytes before it, to both streams', async (h) => {
    const { io, peer } = await connected(h);
    const { readable, writable, closed } = toWebStreams(io);
    peer.write('last words');
    const reader = readable.getReader();
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('last words');
    peer.resetAndDestroy();
    await expect(reader.read()).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(closed).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(writable.getWriter().closed).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  spec('resets at abort, so that a cut upload does not look complete', async (h) => {
    const { io, peer } = await connected(h);
    const { writable, readable, closed } = toWebStreams(io);
    const reset = once(peer.resume(), 'error');
    const reason = new Error('the source failed');
    await writable.abort(reason);
    expect((await reset)[0]).toMatchObject({ code: 'ECONNRESET' });
    await closed;
    await expect(textOf(readable)).rejects.toBe(reason);
  });

  spec('resets when a source that is piped into it fails', async (h) => {
    const { io, peer } = await connected(h);
    const reset = once(peer.resume(), 'error');
    const source = new ReadableStream({
      pull: (controller) => controller.error(new Error('the source failed')),
    });
    await expect(source.pipeTo(toWebStreams(io).writable as never)).rejects.toThrow('the source failed');
    await reset;
  });

  for (const [chunk, got] of [
    [42, 'a number'],
    [null, 'null'],
    [undefined, 'undefined'],
    [Symbol('x'), 'a symbol'],
    [{ byteLength: NaN }, 'an object'],
    [{ byteLength: -1 }, 'an object'],
    [
      {
        get byteLength() {
          throw new Error('no length');
        },
      },
      'an object',
    ],
  ] as const)
    spec(`resets when a chunk is no bytes but ${inspect(chunk)}, because nothing more can be written`, async (h) => {
      const { io, peer } = await connected(h);
      const reset = once(peer.resume(), 'error');
      const { writable, closed } = toWebStreams(io);
      const writer = writable.getWriter() as WritableStreamDefaultWriter<unknown>;
      const error = new TypeError(`expected each chunk of the source to be a string, a Buffer or another view of bytes, got ${got}`);
      const ended = writer.closed.catch((reason: unknown) => reason);
      await expect(writer.write(chunk)).rejects.toStrictEqual(error);
      expect(await ended).toStrictEqual(error);
      await closed;
      expect((await reset)[0]).toMatchObject({ code: 'ECONNRESET' });
    });

  spec('resets a stream that is still opening when a chunk is no bytes', async (h) => {
    const { io } = await connected(h);
    const { writable, closed } = toWebStreams(resetAtEnd(h, new IOStream({ host: '127.0.0.1', port: io.remotePort! }))[0]);
    await expect(writable.getWriter().write(null)).rejects.toThrow('got null');
    await closed;
    io.reset();
  });

  spec('discards what arrives after cancel, and still writes', async (h) => {
    const { io, peer } = await connected(h);
    const { readable, writable, closed } = toWebStreams(io);
    peer.end(Buffer.alloc(1_000_000));
    await readable.cancel('enough');
    const writer = writable.getWriter();
    await writer.write(Buffer.from('still here'));
    await writer.close();
    expect(await receivedBy(peer)).toBe('still here');
    await closed;
    expect(io.inBytes).toBe(1_000_000);
  });

  spec('ends our direction after that of the peer without allowHalfOpen', async (h) => {
    const { io, peer } = await connected(h, { allowHalfOpen: false });
    const { readable, closed, writable } = toWebStreams(io);
    peer.end();
    expect(await textOf(readable)).toBe('');
    await once(peer.resume(), 'end');
    await closed;
    await expect(writable.getWriter().write(Buffer.from('late'))).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  spec('errors the streams when the owner of the connection unsubscribes', async (h) => {
    const { io, port } = await connected(h);
    io.reset();
    const streams: WebStreams[] = [];
    const owner = connect({ host: '127.0.0.1', port }).subscribe((io) => void streams.push(toWebStreams(io)));
    await h.until(() => streams.length === 1);
    const reading = textOf(streams[0]!.readable);
    owner.unsubscribe();
    await expect(reading).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  spec('waits for the peer in both directions', async (h) => {
    const { io, peer } = await connected(h);
    peer.pause();
    const { readable, writable } = toWebStreams(io);
    const writer = writable.getWriter();
    let resolved = 0;
    for (let index = 0; index < 256; index += 1) writer.write(new Uint8Array(65_536)).then(() => (resolved += 1), noop);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(resolved).toBeLessThan(200);
    expect(writer.desiredSize).toBeLessThan(0);
    for (let index = 0; index < 256; index += 1) peer.write(new Uint8Array(65_536));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(io.inBytes).toBeLessThan(1_000_000);
    io.reset();
    expect(readable.locked).toBe(false);
  });

  spec('counts bytes, and the units of text, for `desiredSize`', async (h) => {
    const { io, peer } = await connected(h, { highWaterMark: 1000 });
    peer.pause();
    const writer = toWebStreams(io).writable.getWriter();
    expect(writer.desiredSize).toBe(1000);
    for (const [chunk, left] of [
      ['x'.repeat(100), 900],
      ['\u{1F600}', 898],
      ['', 898],
      [new ArrayBuffer(8), 890],
      [new DataView(new ArrayBuffer(8), 2), 884],
      [new Uint8Array(1000), -116],
    ] as const) {
      writer.write(chunk).catch(noop);
      expect(writer.desiredSize).toBe(left);
    }
    io.reset();
  });

  spec('lets a writer of text wait for the peer', async (h) => {
    const { io, peer } = await connected(h);
    peer.pause();
    const writer = toWebStreams(io).writable.getWriter();
    const text = 'x'.repeat(65_536);
    let written = 0;
    while (written < 3000) {
      const ready = writer.ready.then(() => true);
      if (!(await Promise.race([ready, new Promise<false>((resolve) => setTimeout(() => resolve(false), 200))]))) break;
      writer.write(text).catch(noop);
      written += 1;
    }
    expect(written).toBeLessThan(200);
    io.reset();
  });

  spec(
    'keeps the rules of a wire when webStreams carries a connection over it',
    async () => {
      const over = async (): Promise<Awaited<ReturnType<typeof tcpUnderTest>>> => {
        const tcp = await tcpUnderTest();
        const wire = webStreams(() => {
          const { to } = tcp.dial;
          if (!to || !('port' in to)) throw new Error('expected a port');
          return toWebStreams(new IOStream({ ...to, allowHalfOpen: true }));
        });
        return { ...tcp, wire };
      };
      (await checkWire(over, { timeout: 20_000 })).assert();
    },
    { timeout: 120_000 },
  );

  spec('carries bytes of any wire, such as a pair in memory', async (h) => {
    const [a, b] = memoryPair();
    const [near, far] = [a, b].map((wire) => toWebStreams(new IOStream({ wire, allowHalfOpen: true })));
    const echoing = far!.readable.pipeTo(far!.writable as never);
    const writer = near!.writable.getWriter();
    void writer.write(Buffer.from('hello')).then(() => writer.close());
    expect(await textOf(near!.readable)).toBe('hello');
    await echoing;
    await Promise.all([near!.closed, far!.closed]);
    expect(await near!.opened).toEqual({ remoteAddress: null, localAddress: null, alpn: null });
    expect(h).toBeDefined();
  });
});
