import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { ReadableStream, WritableStream } from 'node:stream/web';
import { lastValueFrom, noop, retry, switchMap, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { connect } from '../../../src/stream/connect.ts';
import { open } from '../../../src/stream/open.ts';
import { backoff } from '../../../src/reconnect/backoff.ts';
import { persistent } from '../../../src/reconnect/persistent.ts';
import { toDuplex } from '../../../src/adapters/to-duplex.ts';
import { IOStream } from '../../../src/stream/io-stream.ts';
import { webStreams } from '../../../src/wire/web-streams/web-streams.ts';
import type { WebReadable, WebStreamsSocket } from '../../../src/wire/web-streams/web-streams-socket.ts';
import { listenOnly } from '../../support/listen-only.ts';
import { spec } from '../../support/spec.ts';
import { denoLike, transformPair, winterLike } from '../../support/web-peers.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import { connect as connectSocket } from 'node:net';
import type { Harness } from '../../support/harness.ts';

/** A listener on loopback, and the port to dial. */
async function listening(h: Harness, onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, h.peer(onSocket)).listen(0, '127.0.0.1');
  h.defer(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function dialled(port: number): Promise<Socket> {
  const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

/** What a fake socket records. */
interface Recorded {
  readonly socket: WebStreamsSocket;
  readonly calls: string[];
  emit(chunk: unknown): void;
  fail(error: unknown): void;
  end(): void;
}

/** A socket whose streams the spec controls, and which records how it is freed. */
function fakeSocket(extra: Partial<WebStreamsSocket> = {}, write: (chunk: Uint8Array) => Promise<void> = async () => {}): Recorded {
  const calls: string[] = [];
  let reads!: ReadableStreamDefaultController;
  const readable = new ReadableStream({
    start: (controller) => void (reads = controller as unknown as ReadableStreamDefaultController),
    cancel: (reason: unknown) => void calls.push(`cancel ${String((reason as Error | undefined)?.message)}`),
  });
  const writable = new WritableStream({
    write,
    close: () => void calls.push('close writable'),
    abort: (reason: unknown) => void calls.push(`abort ${String((reason as Error | undefined)?.message)}`),
  });
  const socket: WebStreamsSocket = {
    readable: readable,
    writable: writable,
    close: () => void calls.push('close'),
    ...extra,
  };
  return { socket, calls, emit: (chunk) => reads.enqueue(chunk), fail: (error) => reads.error(error), end: () => reads.close() };
}

/** A socket one of whose streams is in use elsewhere. */
function lockedSocket(name: 'readable' | 'writable'): WebStreamsSocket {
  const { socket } = fakeSocket();
  if (name === 'readable') socket.readable?.getReader();
  else socket.writable?.getWriter();
  return socket;
}

function isLocked({ readable, writable }: WebStreamsSocket): readonly unknown[] {
  return [(readable as unknown as ReadableStream).locked, (writable as unknown as WritableStream).locked];
}

describe('webStreams', () => {
  it('throws for anything but a function', () => {
    expect(() => webStreams({} as never)).toThrow(
      'expected webStreams to get a function that opens a socket, got an object (Object); pass () => socket',
    );
  });

  spec('connects at once without `opened`, and takes a Promise of a socket', async (h) => {
    const { socket } = fakeSocket();
    const driver = new WireDriver(
      h,
      webStreams(async () => socket),
    );
    await driver.waitFor('connected');
    expect(driver.summary).toBe('connected');
    expect(isLocked(socket)).toEqual([true, true]);
  });

  spec('waits for `opened`, and reports its addresses and its ALPN', async (h) => {
    let openNow!: (info: unknown) => void;
    const opened = new Promise((resolve) => (openNow = resolve));
    const { socket } = fakeSocket({ opened });
    const io = new IOStream({ wire: webStreams(() => socket) });
    const { events } = h.watch(io);
    await new Promise(setImmediate);
    expect(io.state).toBe('opening');
    openNow({ remoteAddress: '[2001:db8::1]:443', localAddress: '192.0.2.7:50123', alpn: 'h2' });
    await h.until(() => io.state === 'open');
    expect([io.remoteAddress, io.remotePort, io.localAddress, io.localPort]).toEqual(['2001:db8::1', 443, '192.0.2.7', 50123]);
    expect(io.ip).toBe('2001:db8::1');
    expect(events.state).toBe('open');
    io.reset();
  });

  spec('takes the streams and addresses that `opened` of a Direct Socket resolves with', async (h) => {
    const { socket, emit } = fakeSocket();
    const { readable, writable } = socket;
    const opened = Promise.resolve({ readable, writable, remoteAddress: '192.0.2.1', remotePort: 7, localAddress: '::1', localPort: 9 });
    const io = new IOStream({ wire: webStreams(() => ({ opened })) });
    const data = h.observed(io.data$);
    emit(Buffer.from('hello'));
    await data.value();
    h.sameBytes(data.values, 'hello');
    expect([io.remoteAddress, io.remotePort, io.localAddress, io.localPort]).toEqual(['192.0.2.1', 7, '::1', 9]);
    io.reset();
  });

  spec('reports the addresses of a socket like Deno.Conn', async (h) => {
    const port = await listening(h, (socket) => void socket.resume().on('end', () => socket.end()));
    const io = await open({ wire: webStreams(async () => denoLike(await dialled(port))) });
    expect([io.remoteAddress, io.remotePort]).toEqual(['127.0.0.1', port]);
    io.close();
    await lastValueFrom(io.closed$);
  });

  spec.each([
    ['an ArrayBuffer', Uint8Array.of(1, 2, 3).buffer],
    ['a view', new DataView(Uint8Array.of(0, 1, 2, 3, 4).buffer, 1, 3)],
    ['a Buffer', Buffer.from([1, 2, 3])],
  ])('reads %s as bytes', async (h, _name, chunk) => {
    const { socket, emit } = fakeSocket();
    const driver = new WireDriver(
      h,
      webStreams(() => socket),
    );
    emit(chunk);
    await driver.waitFor('data');
    h.sameBytes(driver.bytes, Uint8Array.of(1, 2, 3));
  });

  spec('fails with EPROTOCOL at a chunk that is no bytes', async (h) => {
    const { socket, emit } = fakeSocket();
    const driver = new WireDriver(
      h,
      webStreams(() => socket),
    );
    emit('text');
    await driver.up.ended;
    h.error(driver.up.error, { code: 'EPROTOCOL', phase: 'read' });
    expect(String(driver.up.error)).toContain(
      'expected `readable` to emit bytes, got a string of 4 bytes; encode text with a TextEncoderStream',
    );
  });

  spec('ends our direction, and still reads', async (h) => {
    const { socket, calls, emit, end } = fakeSocket();
    const driver = new WireDriver(
      h,
      webStreams(() => socket),
    );
    await driver.waitFor('connected');
    driver.write('hello');
    driver.end();
    await h.until(() => calls.includes('close writable'));
    emit(Buffer.from('world'));
    await driver.waitFor('data');
    end();
    await driver.up.ended;
    expect(driver.summary).toBe('connected sent data end complete');
    expect(calls).toEqual(['close writable', 'close']);
    expect(isLocked(socket)).toEqual([false, false]);
  });

  describe('reset', () => {
    spec('aborts and cancels with the reason of the application', async (h) => {
      const { socket, calls } = fakeSocket();
      const driver = new WireDriver(
        h,
        webStreams(() => socket),
      );
      await driver.waitFor('connected');
      const reason = new Error('changed my mind');
      driver.reset(reason);
      expect(driver.up.error).toBe(reason);
      await h.until(() => calls.length === 3);
      expect(calls.sort()).toEqual(['abort changed my mind', 'cancel changed my mind', 'close']);
      expect(isLocked(socket)).toEqual([false, false]);
    });

    spec('frees a socket that is unsubscribed while it opens', async (h) => {
      const { socket, calls } = fakeSocket({ opened: new Promise(() => {}) });
      const driver = new WireDriver(
        h,
        webStreams(() => socket),
      );
      await new Promise(setImmediate);
      driver.up.unsubscribe();
      await h.until(() => calls.length === 3);
      expect(calls.map((call) => call.split(' ')[0]).sort()).toEqual(['abort', 'cancel', 'close']);
    });

    spec('frees a socket whose Promise resolves after the unsubscription', async (h) => {
      const { socket, calls } = fakeSocket();
      let resolve!: (socket: WebStreamsSocket) => void;
      const driver = new WireDriver(
        h,
        webStreams(() => new Promise((resolved) => (resolve = resolved))),
      );
      driver.up.unsubscribe();
      resolve(socket);
      await h.until(() => calls.length === 3);
      expect(isLocked(socket)).toEqual([false, false]);
    });

    spec('reports the reset of the other end, after the bytes before it', async (h) => {
      const [near, far] = transformPair();
      const a = new WireDriver(
        h,
        webStreams(() => near),
      );
      const b = new WireDriver(
        h,
        webStreams(() => far),
      );
      await Promise.all([a.waitFor('connected'), b.waitFor('connected')]);
      b.write('last words');
      await a.waitFor('data');
      b.reset(new Error('enough'));
      await a.up.ended;
      h.error(a.up.error, { code: 'ECONNRESET', phase: 'read' });
      expect(a.text).toBe('last words');
      expect((a.up.error as Error).cause).toEqual(new Error('enough'));
    });
  });

  describe('errors', () => {
    const refused = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED', errno: -111 });
    spec.each([
      ['a rejected Promise of the socket', () => Promise.reject(refused), 'ECONNREFUSED', refused],
      ['a rejected `opened`', () => fakeSocket({ opened: Promise.reject(refused) }).socket, 'ECONNREFUSED', refused],
      ['an error without a code', () => fakeSocket({ opened: Promise.reject(new Error('no')) }).socket, 'ECONNABORTED', new Error('no')],
      [
        'a `closed` that rejects before `opened`',
        () => fakeSocket({ opened: new Promise(() => {}), closed: Promise.reject(refused) }).socket,
        'ECONNREFUSED',
        refused,
      ],
    ])('reports %s in the phase of connecting', async (h, _name, openSocket, code, cause) => {
      const driver = new WireDriver(h, webStreams(openSocket));
      await driver.up.ended;
      h.error(driver.up.error, { code, phase: 'connect' });
      expect((driver.up.error as Error).cause).toEqual(cause);
    });

    spec.each([
      ['no socket', () => undefined],
      ['a socket without streams', () => ({})],
      ['a socket whose `readable` is locked', () => lockedSocket('readable')],
      ['a socket whose `writable` is locked', () => lockedSocket('writable')],
    ])('reports %s as a TypeError, which no retry repeats', async (h, _name, openSocket) => {
      const wire = webStreams(openSocket as never);
      const up = await lastValueFrom(listenOnly(wire)).catch((error: unknown) => error);
      expect(up).toBeInstanceOf(TypeError);
      const seen = h.observed(connect({ wire }).pipe(retry(backoff({ initial: 1 }))));
      await seen.ended;
      h.error(seen.error, { code: 'EPROTOCOL', phase: 'connect' });
    });

    spec('leaves a socket unlocked if one of its streams is locked', async () => {
      const socket = lockedSocket('writable');
      await lastValueFrom(listenOnly(webStreams(() => socket))).catch(noop);
      expect(isLocked(socket)).toEqual([false, true]);
    });

    spec('retries after a rejected Promise with a TypeError, as that of a failed fetch', async (h) => {
      let calls = 0;
      const wire = webStreams(() => Promise.reject(new TypeError(`fetch failed ${(calls += 1)}`)));
      const seen = h.observed(connect({ wire }).pipe(retry(backoff({ initial: 1, attempts: 3 }))));
      await seen.ended;
      h.error(seen.error, { code: 'ECONNABORTED', phase: 'connect' });
      expect(String(seen.error)).toContain('the socket could not be opened: fetch failed 3');
    });

    spec('passes on a throw of the function', async () => {
      const wire = webStreams(() => {
        throw new RangeError('my bug');
      });
      await expect(lastValueFrom(listenOnly(wire))).rejects.toEqual(new RangeError('my bug'));
    });

    spec('times out with ETOCONNECT', async (h) => {
      const driver = new WireDriver(
        h,
        webStreams(() => new Promise(() => {})),
        dialOf({ connect: 20 }),
      );
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ETOCONNECT', phase: 'connect' });
    });

    spec('reports an error of the readable, which keeps its code', async (h) => {
      const { socket, fail, emit } = fakeSocket();
      const driver = new WireDriver(
        h,
        webStreams(() => socket),
      );
      emit(Buffer.from('before'));
      await driver.waitFor('data');
      fail(Object.assign(new Error('gone'), { code: 'EHOSTUNREACH', errno: -113 }));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'EHOSTUNREACH', phase: 'read' });
      h.sameBytes(driver.bytes, 'before');
    });

    spec('emits the answer of a peer that no longer reads, then the error of our write', async (h) => {
      const { socket, emit, end } = fakeSocket({}, () => Promise.reject(new Error('413')));
      const driver = new WireDriver(
        h,
        webStreams(() => socket),
      );
      await driver.waitFor('connected');
      driver.write('too much');
      await new Promise(setImmediate);
      emit(Buffer.from('HTTP/1.1 413 '));
      emit(Buffer.from('Content Too Large'));
      end();
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ECONNRESET', phase: 'write' });
      h.sameBytes(driver.bytes, 'HTTP/1.1 413 Content Too Large');
    });

    spec('reports the error of our write after `timeouts.close` if the peer stays silent', async (h) => {
      const { socket } = fakeSocket({}, () => Promise.reject(new Error('no')));
      const driver = new WireDriver(
        h,
        webStreams(() => socket),
        dialOf({ close: 20 }),
      );
      await driver.waitFor('connected');
      driver.write('x');
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ECONNRESET', phase: 'write' });
    });

    spec('reports errors after our close in the phase of closing', async (h) => {
      const { socket, fail } = fakeSocket();
      const driver = new WireDriver(
        h,
        webStreams(() => socket),
      );
      await driver.waitFor('connected');
      driver.close();
      fail(new Error('gone'));
      await driver.up.ended;
      h.error(driver.up.error, { code: 'ECONNRESET', phase: 'close' });
    });
  });

  spec('reads nothing while paused, except for the pending read', async (h) => {
    let pulls = 0;
    const readable = new ReadableStream(
      {
        pull: (controller) => {
          pulls += 1;
          controller.enqueue(new Uint8Array(1000));
        },
      },
      { highWaterMark: 0 },
    );
    const { socket } = fakeSocket({ readable: readable as unknown as WebReadable });
    const driver = new WireDriver(
      h,
      webStreams(() => socket),
    );
    driver.pause();
    await driver.waitFor('connected');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([pulls, driver.received]).toEqual([0, 0]);
    driver.resume();
    driver.pause();
    await driver.waitFor('data');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([pulls, driver.received]).toEqual([1, 1000]);
    driver.up.unsubscribe();
  });

  spec('lets timers run beside a source that never waits', async (h) => {
    const readable = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(10)) }, { highWaterMark: 0 });
    const { socket } = fakeSocket({ readable: readable as unknown as WebReadable });
    const driver = new WireDriver(
      h,
      webStreams(() => socket),
    );
    await driver.waitFor('data');
    await new Promise((resolve) => setTimeout(resolve, 5));
    driver.up.unsubscribe();
    expect(driver.received).toBeGreaterThan(0);
  });

  spec('carries 64 MiB past a slow reader in bounded memory', async (h) => {
    const TOTAL = 64 * 1024 * 1024;
    const port = await listening(h, (socket) => void socket.pipe(socket));
    const chunk = Buffer.alloc(256 * 1024, 7);
    let written = 0;
    let received = 0;
    let largestLag = 0;
    const source = function* (): Generator<Uint8Array> {
      for (; written < TOTAL; written += chunk.length) {
        largestLag = Math.max(largestLag, written - received);
        yield chunk;
      }
    };
    const io = await open({ wire: webStreams(async () => winterLike(await dialled(port))), allowHalfOpen: true });
    const sending = lastValueFrom(io.send(source())).then(() => io.end());
    for await (const bytes of io) {
      received += bytes.length;
      if (received % (1 << 20) < bytes.length) await new Promise(setImmediate);
    }
    await sending;
    expect(received).toBe(TOTAL);
    // The buffers of the kernel in both directions, and those of the streams.
    expect(largestLag).toBeLessThan(24 * 1024 * 1024);
  });

  spec('serves `connect`, `toDuplex` and `persistent`', async (h) => {
    const port = await listening(h, (socket) => void socket.pipe(socket));
    const wire = webStreams(async () => winterLike(await dialled(port)));
    const seen = await lastValueFrom(
      connect({ wire, allowHalfOpen: true }, (io) => {
        io.end('by connect');
        return io.data$.pipe(toArray());
      }),
    );
    expect(Buffer.concat(seen).toString()).toBe('by connect');

    const duplex = toDuplex(await open({ wire, allowHalfOpen: true }));
    duplex.end('by toDuplex');
    expect(Buffer.concat(await duplex.toArray()).toString()).toBe('by toDuplex');

    const lasting = persistent({ wire });
    h.defer(() => lasting.close());
    const data = h.observed(lasting.stream$.pipe(switchMap((io) => io.data$)));
    lasting.write('by persistent');
    await data.value();
    h.sameBytes(data.values, 'by persistent');
  });
});
