import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { catchError, EMPTY, firstValueFrom, lastValueFrom, retry, switchMap, take, toArray } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { toDuplex } from '../../../src/adapters/to-duplex.ts';
import { lines } from '../../../src/codecs/lines.ts';
import { framed } from '../../../src/codecs/framed/framed.ts';
import { backoff } from '../../../src/reconnect/backoff.ts';
import { persistent } from '../../../src/reconnect/persistent.ts';
import { connect } from '../../../src/stream/connect.ts';
import { IOStream } from '../../../src/stream/io-stream.ts';
import { open } from '../../../src/stream/open.ts';
import type { Dial } from '../../../src/wire/signal.ts';
import { webSocket } from '../../../src/wire/web-socket/web-socket.ts';
import type { WebSocketLike } from '../../../src/wire/web-socket/web-socket-like.ts';
import type { WebSocketOptions } from '../../../src/wire/web-socket/web-socket-options.ts';
import type { Harness } from '../../support/harness.ts';
import { listenOnly } from '../../support/listen-only.ts';
import { deadPort } from '../../support/loopback.ts';
import { spec } from '../../support/spec.ts';
import { webSocketServer, type WebSocketPeers } from '../../support/web-peers.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';

const ws = { WebSocketCtor: WebSocket };

async function serving(h: Harness, onAccept?: (socket: WebSocket) => void): Promise<WebSocketPeers> {
  const peers = await webSocketServer({}, onAccept);
  h.defer(() => peers.close());
  return peers;
}

/** A connected wire, and the accepted socket of `ws`. */
async function connected(h: Harness, options: WebSocketOptions = {}, dial?: Dial): Promise<{ driver: WireDriver; peer: WebSocket }> {
  const peers = await serving(h);
  const driver = new WireDriver(h, webSocket(peers.url, { ...ws, ...options }), dial);
  const peer = await peers.accepted();
  peer.on('error', () => {});
  await driver.waitFor('connected');
  return { driver, peer };
}

/** A WebSocket of a browser, controlled by the spec: no `terminate`, no `pause`. */
class FakeSocket implements WebSocketLike {
  readyState = 1;
  bufferedAmount = 0;
  protocol = '';
  binaryType = 'blob';
  readonly sent: unknown[] = [];
  readonly closes: unknown[] = [];
  readonly #listeners = new Map<string, Set<(event: never) => void>>();

  send(data: never): void {
    this.sent.push(data);
    this.bufferedAmount += Buffer.byteLength(data);
  }

  close(code?: number, reason?: string): void {
    this.closes.push([code, reason]);
    this.readyState = 2;
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener));
  }

  removeEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.get(type)?.delete(listener);
  }

  emit(type: string, event: object = {}): void {
    if (type === 'close') this.readyState = 3;
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener({ type, ...event } as never);
  }

  listenersOf(...types: readonly string[]): number {
    return types.reduce((sum, type) => sum + (this.#listeners.get(type)?.size ?? 0), 0);
  }

  message(data: unknown): void {
    this.emit('message', { data });
  }

  closed(code: number, reason = '', wasClean = true): void {
    this.emit('close', { code, reason, wasClean });
  }
}

function fake(h: Harness, options: WebSocketOptions = {}, dial?: Dial): { socket: FakeSocket; driver: WireDriver } {
  const socket = new FakeSocket();
  return { socket, driver: new WireDriver(h, webSocket(socket, options), dial) };
}

describe('webSocket', () => {
  it.each([
    [
      'no target',
      () => webSocket(undefined as never),
      'expected webSocket to get a URL such as wss://example.com/chat without `#`, a WebSocket, or a function that returns one; got undefined',
    ],
    ['an unknown option', () => webSocket('ws://a', { sendas: 'text' } as never), 'unknown option `sendas`; did you mean `sendAs`?'],
    [
      'a wrong kind',
      () => webSocket('ws://a', { sendAs: 'blob' as never }),
      "expected `sendAs` of webSocket to be 'binary' or 'text', got \"blob\" (string)",
    ],
    [
      'a mark of 0',
      () => webSocket('ws://a', { highWaterMark: 0 }),
      'expected `highWaterMark` of webSocket to be a number of bytes, 1 or more, got 0 (number)',
    ],
    [
      'an empty subprotocol',
      () => webSocket('ws://a', { protocols: [''] }),
      'expected `protocols` of webSocket to be the name of a subprotocol',
    ],
  ])('throws for %s', (_name, call, message) => {
    expect(call).toThrow(message);
  });

  spec('carries bytes both ways, and reports the subprotocol', async (h) => {
    const peers = await serving(h, (socket) => socket.on('message', (data) => socket.send(data)));
    const driver = new WireDriver(h, webSocket(peers.url, { ...ws, protocols: ['chat.2', 'chat.1'] }));
    await driver.waitFor('connected');
    const [signal] = driver.up.values;
    expect(signal).toMatchObject({ kind: 'connected', details: [{ wire: 'websocket', protocol: 'chat.2' }] });
    driver.write('hello');
    await driver.waitFor('data');
    h.sameBytes(driver.bytes, 'hello');
    driver.close();
    await driver.up.ended;
    expect(driver.sent).toBe(5);
  });

  spec('dials a new socket for each subscription, from a URL, a URL object and a function', async (h) => {
    const peers = await serving(h);
    for (const target of [peers.url, new URL(peers.url), () => peers.url, () => new WebSocket(peers.url)]) {
      const wire = webSocket(target, ws);
      await lastValueFrom(listenOnly(wire).pipe(take(1)));
      await lastValueFrom(listenOnly(wire).pipe(take(1)));
    }
    await h.until(() => peers.count() === 8);
  });

  spec('serves a socket that ws has accepted', async (h) => {
    const peers = await serving(h, (socket) => {
      const io = new IOStream({ wire: webSocket(socket) });
      io.send(io).subscribe({ error: () => {} });
    });
    const reply$ = connect({ wire: webSocket(peers.url, ws) }, (io) => {
      io.write('over the server');
      return io.data$.pipe(take(1));
    });
    expect((await firstValueFrom(reply$)).toString()).toBe('over the server');
  });

  spec('refuses a second connection over one socket with EALREADY', async (h) => {
    const { socket } = fake(h);
    const wire = webSocket(socket);
    new WireDriver(h, wire);
    const second = new WireDriver(h, wire);
    await second.up.ended;
    h.error(second.up.error, { code: 'EALREADY', phase: 'connect' });
    expect(socket.closes).toEqual([]);
  });

  describe('frames', () => {
    spec.each(['binary', 'text'] as const)('sends %s frames that the other end reads', async (h, sendAs) => {
      const { driver, peer } = await connected(h, { sendAs });
      const got = once(peer, 'message');
      driver.write('gr\u00fc\u00dfe');
      const [data, isBinary] = (await got) as [Buffer, boolean];
      expect([data.toString(), isBinary]).toEqual(['gr\u00fc\u00dfe', sendAs === 'binary']);
    });

    spec('reads text, binary, fragments and empty messages', async (h) => {
      const { driver, peer } = await connected(h);
      peer.send('t\u00e4xt ');
      peer.send('');
      peer.send(Buffer.from('binary '));
      peer.send('in ', { fin: false });
      peer.send('two', { fin: true });
      await h.until(() => driver.received >= 19);
      expect(driver.text).toBe('t\u00e4xt binary in two');
    });

    spec('cuts text between characters only', (h) => {
      const { socket, driver } = fake(h, { sendAs: 'text' });
      const bytes = Buffer.from('\u20ac\u{1f600}\u00e9');
      for (const byte of bytes) driver.write(Uint8Array.of(byte));
      expect(socket.sent).toEqual(['\u20ac', '\u{1f600}', '\u00e9']);
    });

    spec('keeps a byte order mark in text', (h) => {
      const { socket, driver } = fake(h, { sendAs: 'text' });
      driver.write('\ufeffa');
      expect(socket.sent).toEqual(['\ufeffa']);
    });

    spec.each([
      ['that is no UTF-8', (driver: WireDriver) => driver.write(Uint8Array.of(0xff, 0x41))],
      [
        'whose last character is not complete',
        (driver: WireDriver) => {
          driver.write(Uint8Array.of(0xe2, 0x82));
          driver.end();
        },
      ],
    ])('fails with EILSEQ for text %s', async (h, _name, act) => {
      const { driver } = fake(h, { sendAs: 'text' });
      act(driver);
      await driver.up.ended;
      h.error(driver.up.error, { code: 'EILSEQ', phase: 'write' });
    });

    spec('splits a long write into frames of 64 KiB', (h) => {
      const { socket, driver } = fake(h);
      driver.write(new Uint8Array(150_000));
      expect(socket.sent.map((frame) => (frame as Uint8Array).length)).toEqual([65_536, 65_536, 18_928]);
    });

    spec('fails with EPROTOCOL at a message that is no bytes', async (h) => {
      const { socket, driver } = fake(h);
      socket.message({});
      await driver.up.ended;
      h.error(driver.up.error, { code: 'EPROTOCOL', phase: 'read' });
    });
  });

  describe('the end', () => {
    spec.each([[1000], [1001], [undefined]])('takes the close code %s of the peer as its end, and reports the code', async (h, code) => {
      const peers = await serving(h);
      const io = new IOStream({ wire: webSocket(peers.url, ws) });
      const data = h.observed(io.data$);
      const { closed } = h.watch(io);
      const peer = await peers.accepted();
      peer.send('bye');
      peer.close(code, code === undefined ? undefined : 'done');
      await closed.value();
      h.sameBytes(data.values, 'bye');
      expect(data.state).toBe('complete');
      expect(closed.values[0]).toMatchObject({
        by: 'peer',
        facts: { closeCode: code ?? 1005, closeReason: code === undefined ? '' : 'done' },
      });
    });

    spec('flushes, then closes with 1000, and still emits what ws receives before the close frame of the peer', async (h) => {
      const { driver, peer } = await connected(h);
      const closed = once(peer, 'close');
      peer.pause();
      driver.write('request');
      driver.end();
      peer.send('response');
      peer.resume();
      const [code] = (await closed) as [number];
      await driver.up.ended;
      expect(code).toBe(1000);
      expect(driver.text).toBe('response');
      expect(driver.summary).toMatch(/ end complete$/);
    });

    spec('keeps both directions apart with halfClose', async (h) => {
      const peers = await serving(h);
      const near = new WireDriver(h, webSocket(peers.url, { ...ws, halfClose: true }));
      const far = new WireDriver(h, webSocket(await peers.accepted(), { halfClose: true }));
      await near.waitFor('connected');
      near.write('request');
      near.end();
      await far.waitFor('end');
      far.write('response');
      far.end();
      await Promise.all([near.up.ended, far.up.ended]);
      expect([near.text, far.text]).toEqual(['response', 'request']);
      expect([near.up.state, far.up.state]).toEqual(['complete', 'complete']);
    });

    spec('fails with EPROTOCOL at data behind the end of halfClose', async (h) => {
      const { socket, driver } = fake(h, { halfClose: true });
      socket.message(new ArrayBuffer(0));
      socket.message(new ArrayBuffer(1));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'EPROTOCOL', phase: 'read' });
    });

    spec('reports EPIPE if the peer closes before all bytes were sent', async (h) => {
      const { socket, driver } = fake(h);
      driver.write('unsent');
      socket.closed(1000);
      await driver.up.ended;
      h.error(driver.up.error, { code: 'EPIPE', phase: 'write' });
      expect(driver.up.error).toMatchObject({ closeCode: 1000 });
    });

    spec('emits the end behind the messages that a paused application has not read', async (h) => {
      const { socket, driver } = fake(h);
      driver.pause();
      socket.message(Buffer.from('one'));
      socket.closed(1000);
      expect(driver.summary).toBe('connected');
      driver.resume();
      expect(driver.summary).toBe('connected data end complete');
    });

    spec('completes after `timeouts.close` if the peer does not answer our close', async (h) => {
      const { socket, driver } = fake(h, {}, dialOf({ close: 20 }));
      driver.close();
      await driver.up.ended;
      expect([driver.up.state, socket.closes]).toEqual(['complete', [[1000, undefined]]]);
    });
  });

  describe('errors', () => {
    spec.each([[1002], [1003], [1007], [1008], [1009], [1011], [1012], [1013], [3000], [4000], [4999]])(
      'reports the close code %i as ECONNRESET, after the bytes before it',
      async (h, code) => {
        const { driver, peer } = await connected(h);
        peer.send('before');
        peer.close(code, 'the "reason"');
        await driver.up.ended;
        h.error(driver.up.error, { code: 'ECONNRESET', phase: 'read' });
        expect(driver.up.error).toMatchObject({ closeCode: code, closeReason: 'the "reason"' });
        expect(String(driver.up.error)).toContain(`closed with ${code}`);
        h.sameBytes(driver.bytes, 'before');
      },
    );

    spec('reports a connection that was lost without a close frame as 1006', async (h) => {
      const { driver, peer } = await connected(h);
      peer.terminate();
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ECONNRESET', phase: 'read' });
      expect(driver.up.error).toMatchObject({ closeCode: 1006, closeReason: '' });
    });

    spec('reports a loss during our close in the phase of closing', async (h) => {
      const { socket, driver } = fake(h);
      driver.close();
      socket.closed(1006, '', false);
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ECONNRESET', phase: 'close' });
    });

    spec('reports a refused connection with the code of the system', async (h) => {
      const driver = new WireDriver(h, webSocket(`ws://127.0.0.1:${await deadPort()}`, ws));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ECONNREFUSED', phase: 'connect' });
      expect(driver.up.error).toMatchObject({ closeCode: 1006 });
    });

    spec('reports a refused upgrade as ECONNABORTED with the reason of ws', async (h) => {
      const server = createHttpServer((_request, response) => response.writeHead(401).end()).listen(0, '127.0.0.1');
      h.defer(() => server.close());
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      h.secret('hunter2');
      const driver = new WireDriver(h, webSocket(`ws://me:hunter2@127.0.0.1:${port}/?token=hunter2`, ws));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ECONNABORTED', phase: 'connect' });
      expect(String(driver.up.error)).toContain('Unexpected server response: 401');
    });

    spec('reports what a browser does not explain as ECONNABORTED', async (h) => {
      const socket = new FakeSocket();
      socket.readyState = 0;
      const driver = new WireDriver(h, webSocket(socket));
      socket.emit('error');
      socket.closed(1006, '', false);
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ECONNABORTED', phase: 'connect' });
      expect(driver.up.error).toMatchObject({ closeCode: 1006, closeReason: '' });
      expect(driver.up.values).toEqual([]);
    });

    spec('reports a dial that fails without a close event, as in Node 22, at once', (h) => {
      const socket = new FakeSocket();
      socket.readyState = 0;
      const driver = new WireDriver(h, webSocket(socket));
      const cause = new Error('non-101 status code');
      socket.emit('error', { error: cause, message: cause.message });
      h.error(driver.up.error, { code: 'ECONNABORTED', phase: 'connect' });
      expect(driver.up.error).toMatchObject({ closeCode: 1006, closeReason: '', cause });
      expect(String(driver.up.error)).toContain('the WebSocket could not be opened: non-101 status code');
      expect(socket.listenersOf('open', 'message', 'close')).toBe(0);
    });

    spec('waits for the close event behind an error of an open socket', (h) => {
      const { socket, driver } = fake(h);
      socket.emit('error', { error: new Error('invalid frame') });
      expect(driver.up.state).toBe('open');
      socket.closed(1006, '', false);
      h.error(driver.up.error, { code: 'ECONNRESET', phase: 'read' });
      expect(driver.up.error).toMatchObject({ closeCode: 1006, cause: { message: 'invalid frame' } });
    });

    spec('reports the close code 0 of Deno as 1006', (h) => {
      const { socket, driver } = fake(h);
      socket.closed(0, '', false);
      h.error(driver.up.error, { code: 'ECONNRESET', phase: 'read' });
      expect(driver.up.error).toMatchObject({ closeCode: 1006 });
    });

    spec('times out with ETOCONNECT at a server that does not answer', async (h) => {
      const sockets: Socket[] = [];
      const server = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
      h.defer(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const driver = new WireDriver(h, webSocket(`ws://127.0.0.1:${port}`, ws), dialOf({ connect: 50 }));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ETOCONNECT', phase: 'connect' });
    });

    spec('reports a socket that is already closed', async (h) => {
      const socket = new FakeSocket();
      socket.readyState = 3;
      const driver = new WireDriver(h, webSocket(socket));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ENOTCONN', phase: 'connect' });
    });

    spec.each([
      ['a path', '/chat?token=secret', '18'],
      ['an empty text', '', '0'],
      ['a URL with a fragment', 'ws://127.0.0.1/?token=secret#here', '33'],
    ])('reports %s as a TypeError without the URL, which no retry repeats', async (h, _name, url, bytes) => {
      const wire = webSocket(url, ws);
      const expected = 'a URL such as wss://example.com/chat without `#`, a WebSocket, or a function that returns one';
      const got = `a string of ${bytes} bytes that is not such a URL, or wrong \`protocols\``;
      const error = new TypeError(`expected webSocket to get ${expected}; got ${got}`);
      await expect(lastValueFrom(listenOnly(wire))).rejects.toEqual(error);
      const seen = h.observed(connect({ wire }).pipe(retry(backoff({ initial: 1 }))));
      await seen.ended;
      h.error(seen.error, { code: 'EPROTOCOL', phase: 'connect' });
    });

    spec('reports a runtime without WebSocket as a TypeError', async () => {
      vi.stubGlobal('WebSocket', undefined);
      try {
        await expect(lastValueFrom(listenOnly(webSocket('ws://127.0.0.1')))).rejects.toEqual(
          new TypeError('expected a global WebSocket, which this runtime does not have; set `WebSocketCtor`, such as that of ws'),
        );
      } finally {
        vi.unstubAllGlobals();
      }
    });

    spec('asks the guard of the dial for the host of the URL', async (h) => {
      const seen: unknown[] = [];
      const guard = (candidate: unknown): string => {
        seen.push(candidate);
        return 'not here';
      };
      const driver = new WireDriver(h, webSocket('wss://[::1]/x', ws), { ...dialOf(), guard });
      await driver.up.ended;
      h.error(driver.up.error, { code: 'EBLOCKED', phase: 'connect' });
      expect(seen).toEqual([{ host: '::1', port: 443, address: undefined, family: undefined, path: undefined }]);
    });
  });

  describe('reset', () => {
    spec('destroys a socket of ws, so that the peer sees 1006', async (h) => {
      const { driver, peer } = await connected(h);
      const closed = once(peer, 'close');
      const reason = new Error('enough');
      driver.reset(reason);
      expect(driver.up.error).toBe(reason);
      expect((await closed)[0]).toBe(1006);
    });

    spec('closes a socket of a browser with 4000', (h) => {
      const { socket, driver } = fake(h);
      driver.reset(new Error('enough'));
      expect(socket.closes).toEqual([[4000, 'reset']]);
    });

    spec('frees a socket that is unsubscribed before it is open', async (h) => {
      const peers = await serving(h);
      const driver = new WireDriver(h, webSocket(peers.url, ws));
      driver.up.unsubscribe();
    });
  });

  describe('backpressure', () => {
    spec('stops reading from ws while paused', async (h) => {
      const { driver, peer } = await connected(h);
      driver.pause();
      const chunk = Buffer.alloc(65_536, 1);
      let taken = 0;
      for (let index = 0; index < 512; index += 1) peer.send(chunk, () => (taken += 1));
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(driver.received).toBe(0);
      // The rest of 32 MiB waits in the socket of the peer.
      expect(taken).toBeLessThan(256);
      driver.resume();
      await h.until(() => driver.received === 512 * chunk.length);
    });

    spec('does not read from ws if it was paused before it was open', async (h) => {
      let taken = 0;
      const peers = await serving(h, (socket) => {
        for (let index = 0; index < 512; index += 1) socket.send(Buffer.alloc(65_536, 1), () => (taken += 1));
      });
      const driver = new WireDriver(h, webSocket(peers.url, { ...ws, inBufLimit: 64 * 1024 * 1024 }));
      driver.pause();
      await driver.waitFor('connected');
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(driver.received).toBe(0);
      expect(taken).toBeLessThan(256);
      driver.resume();
      await h.until(() => driver.received === 512 * 65_536);
    });

    spec('keeps what a browser receives while paused, up to inBufLimit', async (h) => {
      const { socket, driver } = fake(h, { inBufLimit: 1000 });
      driver.pause();
      socket.message(new ArrayBuffer(500));
      socket.message(new ArrayBuffer(372)); // 500 + 64 + 372 + 64
      driver.resume();
      expect(driver.received).toBe(872);
      driver.pause();
      socket.message(new ArrayBuffer(500));
      socket.message(new ArrayBuffer(373));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'EINBUFLIMIT', phase: 'read', fatal: true });
      expect(driver.received).toBe(1372);
      expect(socket.closes).toEqual([[4000, 'reset']]);
    });

    spec('counts small messages with 64 bytes each', async (h) => {
      const { socket, driver } = fake(h, { inBufLimit: 650 });
      driver.pause();
      for (let index = 0; index < 11; index += 1) socket.message(new ArrayBuffer(1));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'EINBUFLIMIT' });
      expect(driver.received).toBe(10);
    });

    spec('pauses the application at highWaterMark unsent bytes, and sends no more than that ahead', async (h) => {
      const { socket, driver } = fake(h, { highWaterMark: 100_000 });
      driver.write(new Uint8Array(99_999));
      expect(driver.isPaused).toBe(false);
      driver.write(new Uint8Array(200_000));
      expect(driver.isPaused).toBe(true);
      expect(socket.bufferedAmount).toBe(99_999 + 65_536);
      socket.bufferedAmount = 0;
      await h.until(() => driver.sent === 165_535);
      expect(socket.bufferedAmount).toBe(131_072);
      socket.bufferedAmount = 0;
      await h.until(() => !driver.isPaused);
      socket.bufferedAmount = 0;
      await h.until(() => driver.sent === 299_999);
    });

    spec('looks at bufferedAmount whenever a message arrives', (h) => {
      const { socket, driver } = fake(h);
      driver.write('request');
      socket.bufferedAmount = 0;
      socket.message(Buffer.from('response'));
      expect(driver.summary).toBe('connected sent data');
      driver.up.unsubscribe();
    });

    spec('carries 64 MiB past a slow reader in bounded memory', async (h) => {
      const TOTAL = 64 * 1024 * 1024;
      let lag = 0;
      let [written, received] = [0, 0];
      const peers = await serving(h, (socket) => {
        const io = new IOStream({ wire: webSocket(socket) });
        const chunk = Buffer.alloc(256 * 1024, 7);
        const source = function* (): Generator<Uint8Array> {
          for (; written < TOTAL; written += chunk.length) {
            lag = Math.max(lag, written - received);
            yield chunk;
          }
        };
        io.send(source()).subscribe({ complete: () => io.close() });
      });
      const io = await open({ wire: webSocket(peers.url, ws) });
      for await (const bytes of io) {
        received += bytes.length;
        if (received % (1 << 20) < bytes.length) await new Promise(setImmediate);
      }
      expect(received).toBe(TOTAL);
      expect(lag).toBeLessThan(16 * 1024 * 1024); // mostly the buffers of the kernel
    });
  });

  spec('serves `connect` with a codec, `toDuplex` and `persistent`', async (h) => {
    const peers = await serving(h, (socket) => socket.on('message', (data) => socket.send(data)));
    const wire = webSocket(peers.url, { ...ws, sendAs: 'text' });
    const codec = lines({ maxLength: 100 });
    const seen = await lastValueFrom(
      connect({ wire }, (io) => {
        const { messages$, write } = framed(io, codec);
        write('one');
        write('tw\u00f6');
        return messages$.pipe(take(2), toArray());
      }),
    );
    expect(seen).toEqual(['one', 'tw\u00f6']);

    const duplex = toDuplex(await open({ wire }));
    duplex.write('by toDuplex');
    expect(String((await once(duplex, 'data'))[0])).toBe('by toDuplex');
    duplex.destroy();

    const lasting = persistent({ wire });
    h.defer(() => lasting.close());
    const data = h.observed(lasting.stream$.pipe(switchMap((io) => io.data$.pipe(catchError(() => EMPTY)))));
    lasting.write('by persistent');
    await data.value();
    h.sameBytes(data.values, 'by persistent');
    peers.server.clients.forEach((client) => client.close(1012));
    await h.until(() => peers.count() === 4, 'a fourth connection');
    lasting.write(', again');
    await h.until(() => data.values.length === 2);
  });
});
