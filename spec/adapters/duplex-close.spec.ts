import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import type { SocketDuplex } from '../../src/adapters/socket-duplex.ts';
import { throttleBytes } from '../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import { toDuplex } from '../../src/adapters/to-duplex.ts';
import { connect } from '../../src/stream/connect.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { ca, server as identity } from '../support/certificates.ts';
import { connectedDuplex, testDuplex, failingWire, NEVER_CONNECTED, type TestDuplex } from '../support/duplexes.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, served } from '../support/loopback.ts';

const MIB = 1024 * 1024;

/** Records errors, 'end' and 'close' of a stream, in order. */
function eventsOf(duplex: SocketDuplex | Socket): unknown[] {
  const events: unknown[] = [];
  duplex.on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? error.message));
  duplex.on('end', () => events.push('end')).on('close', (hadError: boolean) => events.push(['close', hadError]));
  return events;
}

/** Connects two Duplexes by TLS over TCP. */
async function overTls(h: Harness): Promise<{ readonly near: SocketDuplex; readonly far: SocketDuplex; readonly farIo: IOStream }> {
  let accepted: TestDuplex | undefined;
  const place = await served(h, (socket) => (accepted = testDuplex(h, { fh: socket, plugin: { tls: tlsServer(identity) } })));
  const { duplex: near } = testDuplex(h, { ...place, plugin: { tls: tlsClient({ ca, servername: 'localhost' }) } });
  await once(near, 'secureConnect');
  return { near, far: accepted!.duplex, farIo: accepted!.io };
}

/** Waits for 'close', also after an error. */
async function closing(stream: Duplex): Promise<void> {
  await new Promise((resolve) => stream.once('close', resolve));
}

describe('Duplex: destroy()', () => {
  spec('receives nothing more, although the peer continues to send', async (h) => {
    let sent = 0;
    const pump = (peer: Socket): void => {
      while (!peer.destroyed && peer.write(Buffer.alloc(65_536))) sent += 65_536;
    };
    const { duplex, io, peer } = await connectedDuplex(h, {}, (socket) => {
      socket.on('error', () => {}).on('drain', () => pump(socket));
      pump(socket);
    });
    await once(duplex, 'data');
    const closed = closing(peer);
    sent = 0;
    const events = eventsOf(duplex);
    duplex.destroy();
    const { inBytes } = io;
    await closed;
    expect(sent).toBeLessThan(16 * MIB);
    expect(io.inBytes).toBe(inBytes);
    expect([io.state, events]).toEqual(['closed', [['close', false]]]);
  });

  spec('sends FIN if all written bytes are sent', async (h) => {
    const { duplex, peer } = await connectedDuplex(h);
    const events = eventsOf(peer.resume());
    duplex.write('all', () => duplex.destroy());
    await h.until(() => events.length > 0);
    expect(events).toEqual(['end']);
  });

  spec('resets if written bytes are unsent, so that truncated data does not look complete', async (h) => {
    const { duplex, peer, io } = await connectedDuplex(h);
    const { duplex: far } = testDuplex(h, { fh: peer });
    const events = eventsOf(far);
    const written: unknown[] = [];
    for (let each = 0; each < 2; each += 1)
      duplex.write(Buffer.alloc(32 * MIB), (error) => written.push((error as NodeJS.ErrnoException | null | undefined)?.code));
    await h.until(() => io.outBytes > 0);
    duplex.destroy();
    await closing(duplex);
    expect([written.includes('ECANCELED'), written.length, written.includes(undefined)]).toEqual([true, 2, false]);
    far.resume();
    await closing(far);
    expect(events).toEqual(['ECONNRESET', ['close', true]]);
  });

  spec('resets with an error, and emits it once', async (h) => {
    const { duplex, peer } = await connectedDuplex(h);
    const [near, far] = [eventsOf(duplex), eventsOf(peer.resume())];
    duplex.destroy(new Error('no more'));
    duplex.destroy(new Error('again'));
    await h.until(() => far.length === 2);
    expect([near, far]).toEqual([
      ['no more', ['close', true]],
      ['ECONNRESET', ['close', true]],
    ]);
  });

  spec('sends the bytes written in the same tick', async (h) => {
    const { duplex, peer } = await connectedDuplex(h);
    duplex.write('HTTP/1.1 401 Unauthorized\r\n\r\n');
    duplex.destroy();
    expect(await text(peer)).toBe('HTTP/1.1 401 Unauthorized\r\n\r\n');
  });

  spec('sends the bytes written in the same tick over TLS, without close_notify, so that the peer detects the truncation', async (h) => {
    const { near, far, farIo } = await overTls(h);
    far.write('hello');
    await once(near, 'data'); // The session tickets arrive before. The kernel resets a connection with unread bytes.
    near.write('bye');
    near.destroy();
    expect(await text(far)).toBe('bye');
    expect(farIo.details.tls).toMatchObject({ truncated: true });
  });

  spec('sends close_notify after end(), and does not wait for the peer', async (h) => {
    const { near, far, farIo } = await overTls(h);
    near.end('bye');
    near.destroySoon();
    await closing(near);
    expect(await text(far)).toBe('bye');
    expect(farIo.details.tls).not.toHaveProperty('truncated');
  });

  spec('frees the socket after end() when the FIN is sent, although the peer has not ended', async (h) => {
    const { duplex, io, peer } = await connectedDuplex(h, { allowHalfOpen: true, timeouts: { close: 60_000 } });
    const seen = allOf(peer);
    peer.on('error', () => {});
    duplex.end('bye').destroySoon();
    await closing(duplex);
    await h.until(() => io.state === 'closed');
    expect((await seen).toString()).toBe('bye');
    peer.destroy();
  });

  spec('frees a connecting stream at once, and emits no error', async (h) => {
    const { duplex, io } = testDuplex(h, { wire: NEVER_CONNECTED });
    const events = eventsOf(duplex);
    duplex.write('never');
    duplex.destroy();
    expect(io.state).toBe('closed');
    await closing(duplex);
    expect(events).toEqual([['close', false]]);
  });

  spec('does not touch a stream that its owner has closed: queued bytes are sent', async (h) => {
    const { duplex, io, peer } = await connectedDuplex(h);
    io.write(Buffer.alloc(32 * MIB));
    io.close();
    duplex.destroy();
    await closing(duplex);
    expect(io.state).toBe('closing');
    expect(await allOf(peer)).toHaveLength(32 * MIB);
    peer.end();
  });

  spec('resets if a plugin buffers unsent bytes', async (h) => {
    const { duplex, peer } = await connectedDuplex(h, { plugin: { slow: throttleBytes({ rate: 1000 }) } });
    const { duplex: far } = testDuplex(h, { fh: peer });
    const events = eventsOf(far);
    duplex.write(Buffer.alloc(65_536));
    await once(far, 'data');
    duplex.destroy();
    await h.until(() => events.length === 2);
    expect(events).toEqual(['ECONNRESET', ['close', true]]);
  });

  spec('resets by resetAndDestroy()', async (h) => {
    const { duplex, peer } = await connectedDuplex(h);
    const events = eventsOf(peer.resume());
    expect(duplex.resetAndDestroy()).toBe(duplex);
    await h.until(() => events.length === 2);
    expect(events).toEqual(['ECONNRESET', ['close', true]]);
  });
});

describe('Duplex: end and errors', () => {
  spec('emits end without a reader if no bytes remain, as a socket does', async (h) => {
    const { duplex, peer } = await connectedDuplex(h);
    duplex.pause();
    const events = eventsOf(duplex);
    peer.resume().end();
    await h.until(() => events.length === 2);
    expect(events).toEqual(['end', ['close', false]]);
  });

  spec('emits one error if the peer resets after its end, although every write fails', async (h) => {
    const { duplex, peer } = await connectedDuplex(h, { allowHalfOpen: true });
    const events = eventsOf(duplex.resume());
    peer.end('bye');
    await once(duplex, 'end');
    peer.resetAndDestroy();
    await h.until(() => {
      duplex.write('x'.repeat(1000));
      return duplex.closed;
    });
    for (let turn = 0; turn < 20; turn += 1) duplex.write('more', () => {});
    await new Promise(setImmediate);
    expect(events).toEqual(['end', expect.stringMatching(/^(EPIPE|ECONNRESET)$/), ['close', true]]);
  });

  spec('emits the error of the stream after all bytes received before it, also if they are read late', async (h) => {
    const cause = new IOStreamError('ECONNRESET', { phase: 'read', errno: -104 });
    const bytes = (value: string): Buffer => Buffer.from(value);
    const wire = failingWire(
      cause,
      { kind: 'connected', details: [{}] },
      { kind: 'data', bytes: bytes('one') },
      { kind: 'data', bytes: bytes('two') },
    );
    const { duplex, io } = testDuplex(h, { wire, highWaterMark: 2 });
    const events = eventsOf(duplex);
    await h.until(() => io.state === 'closed');
    await new Promise(setImmediate);
    expect(events).toEqual([]);
    duplex.on('data', (chunk: Buffer) => events.push(chunk.toString()));
    await closing(duplex);
    expect([(events.slice(0, -2) as string[]).join(''), ...events.slice(-2)]).toEqual(['onetwo', 'ECONNRESET', ['close', true]]);
  });

  spec('closes without end if the owner of the stream unsubscribes, so that truncated data does not look complete', async (h) => {
    const place = await served(
      h,
      (socket) =>
        void socket
          .on('error', () => {})
          .resume()
          .write('a part'),
    );
    let duplex: SocketDuplex | undefined;
    const owner = connect(place as { host: string; port: number }).subscribe((io) => (duplex = toDuplex(io)));
    await h.until(() => duplex !== undefined);
    const events = eventsOf(duplex!);
    await once(duplex!, 'data');
    const written = new Promise((resolve) => duplex!.write(Buffer.alloc(32 * MIB), resolve));
    owner.unsubscribe();
    await closing(duplex!);
    expect(events).toEqual([['close', false]]);
    expect(await written).toMatchObject({ code: 'ECANCELED', syscall: 'write' });
  });

  spec('closes after the error of a TLSSocket of Node over the Duplex, as a socket does', async (h) => {
    const server = createServer(identity, (socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    server.on('tlsClientError', () => {});
    h.defer(() => server.close());
    await once(server, 'listening');
    const { duplex } = testDuplex(h, { host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    const events = eventsOf(duplex);
    connectTls({ socket: duplex, servername: 'localhost' }).on('error', (error: NodeJS.ErrnoException) => events.push(error.code));
    await closing(duplex);
    expect(events).toEqual(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', ['close', false]]);
  });

  spec('fails a write with EPIPE if the owner resets the stream', async (h) => {
    const { duplex, io } = await connectedDuplex(h);
    const events = eventsOf(duplex);
    duplex.write(Buffer.alloc(32 * MIB));
    await h.until(() => io.outBytes > 0);
    io.reset();
    await closing(duplex);
    expect(events).toEqual(['EPIPE', ['close', true]]);
  });

  it('emits the error of a stream that failed before', async () => {
    const io = new IOStream({ wire: failingWire(new IOStreamError('ECONNREFUSED', { phase: 'connect', errno: -111 })) });
    io.errors$.subscribe();
    await new Promise(setImmediate);
    const [error] = (await once(toDuplex(io), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('fails with a TypeError if the stream has another reader', async () => {
    const read = new IOStream({ wire: NEVER_CONNECTED });
    read.consume(() => []).subscribe();
    const [second] = (await once(toDuplex(read), 'error')) as [Error];
    expect(second.message).toContain('no consume() or iteration');
  });
});
