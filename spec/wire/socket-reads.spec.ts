import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import { IOStream } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { connectSocket } from '../../src/wire/connect-socket.ts';
import { endReads, MAX_DEDICATED, dedicatedBuffers, READ_SIZE } from '../../src/wire/socket-reads.ts';
import type { Harness } from '../support/harness.ts';
import { invariants } from '../support/invariants.ts';
import { spec } from '../support/spec.ts';

const HOST = '127.0.0.1';

/** Serves every connection, and connects a client that records all its signals. */
async function serving(h: Harness, serve: (peer: Socket) => void): Promise<(first?: (socket: Socket) => void) => Promise<Client>> {
  const peers: Socket[] = [];
  const server = createServer((peer) => {
    peers.push(peer.on('error', () => {}));
    serve(peer);
  }).listen(0, HOST);
  await once(server, 'listening');
  h.defer(() => {
    for (const peer of peers) peer.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return (first) =>
    new Promise((resolve) => {
      connectSocket({ host: HOST, port }).subscribe((socket) => {
        const chunks: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        first?.(socket);
        h.defer(() => {
          endReads(socket);
          socket.destroy();
        });
        resolve({ socket, chunks });
      });
    });
}

interface Client {
  readonly socket: Socket;
  readonly chunks: Buffer[];
}

/** A paused client, for whom one full read has come. */
async function filled(h: Harness): Promise<Client & { readonly peer: Socket }> {
  let peer: Socket | undefined;
  const client = await serving(h, (each) => (peer = each));
  const { socket, chunks } = await client();
  socket.pause();
  await h.until(() => peer !== undefined);
  peer!.write(Buffer.alloc(READ_SIZE, 'x'));
  for (let count = 0; count < 20; count += 1) await turn();
  return { socket, chunks, peer: peer! };
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('the reads of our own sockets', () => {
  spec('never change emitted bytes: large and small reads on many sockets at once', async (h) => {
    const texts = Array.from({ length: MAX_DEDICATED + 8 }, (_, index) => randomBytes(READ_SIZE * 8 + index * 97));
    let served = 0;
    const client = await serving(h, (peer) => {
      const text = texts[served++]!;
      peer.write(text.subarray(0, 10));
      setImmediate(() => peer.end(text.subarray(10)));
    });
    const clients: Client[] = [];
    // One after another: who is served is who asked.
    for (let count = 0; count < texts.length; count += 1) {
      clients.push(await client());
      await h.until(() => served === count + 1);
    }
    await h.until(() => clients.every(({ chunks }, index) => sizeOf(chunks) === texts[index]!.length), 'all bytes');
    for (const [index, { chunks }] of clients.entries())
      expect(digestOf(Buffer.concat(chunks)), `socket ${index}`).toBe(digestOf(texts[index]!));
  });

  spec('keep no dedicated buffer for a socket that reads little, nor for a small read', async (h) => {
    const { socket, chunks, peer } = await filled(h);
    socket.resume();
    await h.until(() => sizeOf(chunks) === READ_SIZE);
    expect(dedicatedBuffers()).toBe(1);
    peer.write('crumb');
    await h.until(() => chunks.at(-1)?.toString() === 'crumb');
    // A copy, whatever pool Node has made it from.
    expect(chunks.at(-1)!.buffer.byteLength).not.toBe(READ_SIZE);
    expect(dedicatedBuffers()).toBe(0);
  });

  spec('keep no dedicated buffer for a socket that is destroyed inside `next`', async (h) => {
    const { socket, chunks } = await filled(h);
    socket.on('data', () => {
      endReads(socket);
      socket.destroy();
    });
    socket.resume();
    await once(socket, 'close');
    expect([chunks[0]!.length, dedicatedBuffers()]).toEqual([READ_SIZE, 0]);
  });

  spec('keep a dedicated buffer for at most MAX_DEDICATED sockets, and for none that has ended', async (h) => {
    const client = await serving(h, (peer) => peer.write(Buffer.alloc(READ_SIZE * 2, 'x')));
    const clients: Client[] = [];
    let most = 0;
    for (let count = 0; count < MAX_DEDICATED + 16; count += 1) {
      const each = await client();
      each.socket.on('data', () => (most = Math.max(most, dedicatedBuffers())));
      clients.push(each);
    }
    await h.until(() => clients.every(({ chunks }) => sizeOf(chunks) === READ_SIZE * 2));
    expect(most).toBeLessThanOrEqual(MAX_DEDICATED);
    for (const { socket } of clients) {
      endReads(socket);
      socket.destroy();
    }
    expect(dedicatedBuffers()).toBe(0);
  });

  spec('release the dedicated buffer of a connection, however it ends', async (h) => {
    const peers: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (peer) => void peers.push(peer.on('error', () => {}))).listen(0, HOST);
    await once(server, 'listening');
    h.defer(() => {
      for (const peer of peers) peer.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const ends: Readonly<Record<string, (io: IOStream, peer: Socket) => void>> = {
      'it is reset': (io) => io.reset(),
      'it is closed': (io, peer) => {
        io.close();
        peer.end();
      },
      'the peer resets': (_, peer) => peer.resetAndDestroy(),
      'both ends are over': (io, peer) => {
        io.end();
        peer.end();
      },
    };
    for (const [name, end] of Object.entries(ends)) {
      const io = new IOStream({ host: HOST, port });
      io.errors$.subscribe();
      let read = 0;
      const reading = new Promise((resolve) =>
        io.data$.subscribe({ next: ({ length }) => (read += length), error: resolve, complete: () => resolve(undefined) }),
      );
      await h.until(() => peers.length > 0 && io.state === 'open');
      const peer = peers.pop()!;
      peers.unshift(peer);
      io.pause();
      peer.write(Buffer.alloc(READ_SIZE, 'x'));
      for (let count = 0; count < 20; count += 1) await turn();
      io.resume();
      await h.until(() => read === READ_SIZE);
      expect([name, dedicatedBuffers()]).toEqual([name, 1]);
      end(io, peer);
      await reading;
      await firstValueFrom(io.closed$);
      expect([name, dedicatedBuffers()]).toEqual([name, 0]);
    }
  });

  spec('stop at a pause that comes inside `next`', async (h) => {
    const client = await serving(h, (peer) => peer.write(Buffer.alloc(READ_SIZE * 16, 'x')));
    const { socket, chunks } = await client();
    socket.on('data', () => socket.pause());
    await h.until(() => chunks.length === 1);
    for (let count = 0; count < 20; count += 1) await turn();
    expect(chunks.length).toBe(1);
    for (let reads = 2; sizeOf(chunks) < READ_SIZE * 16; reads += 1) {
      socket.resume();
      await h.until(() => chunks.length === reads);
    }
  });

  spec('stop after one chunk where Node begins to read in spite of a pause: in the tick in which it was first resumed', async (h) => {
    const client = await serving(h, (peer) => peer.write(Buffer.alloc(READ_SIZE * 16, 'x')));
    const { socket, chunks } = await client((each) => each.pause());
    for (let count = 0; count < 20; count += 1) await turn();
    expect(chunks.length).toBeLessThanOrEqual(1);
    socket.resume();
    await h.until(() => sizeOf(chunks) === READ_SIZE * 16);
  });

  it('survive a listener that throws: its error is uncaught, and emitted bytes do not change', async () => {
    const text = randomBytes(READ_SIZE * 32);
    const uncaught: unknown[] = [];
    const given: Buffer[] = [];
    await invariants(
      async (h) => {
        const client = await serving(h, (peer) => peer.end(text));
        const { socket, chunks } = await client();
        socket.on('data', () => {
          if (chunks.length > 2) throw new Error('odd');
        });
        await h.until(() => sizeOf(chunks) === text.length);
        given.push(...chunks);
      },
      { uncaught: (error) => uncaught.push(error) > 0 },
    )();
    expect(digestOf(Buffer.concat(given))).toBe(digestOf(text));
    expect(uncaught.map(String)).toEqual(given.slice(2).map(() => 'Error: odd'));
  });
});
