import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { CONNECTED, converse, IN, IOStream, passthrough, relay, tcp, type Plugin } from 'rxjs-io-stream';
import { lastValueFrom, tap } from 'rxjs';
import { describe, expect } from 'vitest';
import { BufferRecycler } from '../../src/relay/buffer-recycler.ts';
import type { Connection } from '../../src/stream/connection.ts';
import { connectSocket } from '../../src/wire/connect-socket.ts';
import { endReads, READ_SIZE, freeBuffers } from '../../src/wire/socket-reads.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { resetAtEnd } from '../stream/tools.ts';

const HOST = '127.0.0.1';
const SIZE = 12 << 20;
/** Milliseconds until the peers start to read, so that all buffers on the way are filled. */
const READ_DELAY = 60;

/** A peer that sends 12 MiB and ends, and collects what it receives. */
interface Peer {
  readonly port: number;
  readonly sent: Buffer;
  readonly received: Promise<Buffer>;
  /** Starts to read. */
  startReading(): void;
}

async function startPeer(h: Harness): Promise<Peer> {
  const sent = randomBytes(SIZE);
  let peer: Socket | undefined;
  const server = createServer({ allowHalfOpen: true }).listen(0, HOST);
  await once(server, 'listening');
  h.defer(() => {
    peer?.destroy();
    server.close();
  });
  let startReading = (): void => {};
  const reading = new Promise<void>((resolve) => (startReading = resolve));
  const received = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      peer = socket.on('error', () => {});
      const chunks: Buffer[] = [];
      void reading.then(() => socket.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks))));
      socket.end(sent);
    });
  });
  return { port: (server.address() as AddressInfo).port, sent, received, startReading };
}

/** The chunks that other code has received, and copies of their original content. */
class SeenChunks {
  readonly #chunks: (readonly [bytes: Uint8Array, original: Buffer])[] = [];

  add(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#chunks.push([bytes, Buffer.from(bytes)]);
  }

  get count(): number {
    return this.#chunks.length;
  }

  get changed(): number {
    return this.#chunks.filter(([bytes, original]) => !original.equals(bytes)).length;
  }
}

/** Other code that may hold references to the bytes of a relay. */
interface Holder {
  readonly options?: (keep: (bytes: Uint8Array) => void, port: number) => ConstructorParameters<typeof IOStream>[0];
  /** Reads from `a` before the relay starts. Returns the number of bytes read. */
  readonly first?: (a: IOStream, keep: (bytes: Uint8Array) => void) => Promise<number>;
  /** Whether the peers read only after a chunk was kept. */
  readonly waits?: boolean;
  readonly attach?: (a: IOStream, b: IOStream, keep: (bytes: Uint8Array) => void) => void;
}

/** Relays between two peers, while two other relays reuse every recycled buffer. */
async function relayBeside(h: Harness, { options, first, waits = false, attach }: Holder): Promise<SeenChunks> {
  const seen = new SeenChunks();
  const keep = (bytes: Uint8Array): void => seen.add(bytes);
  const runs = [true, false, false].map(async (isHeld) => {
    const [A, B] = [await startPeer(h), await startPeer(h)];
    const optionsFor = (port: number): ConstructorParameters<typeof IOStream>[0] => ({
      ...(isHeld && options ? options(keep, port) : { host: HOST, port }),
      allowHalfOpen: true,
      highWaterMark: 1 << 20,
    });
    const [a, b] = resetAtEnd(h, new IOStream(optionsFor(A.port)), new IOStream(optionsFor(B.port)));
    const skipped = isHeld && first ? await first(a, keep) : 0;
    const relayed = lastValueFrom(relay(a, b));
    if (isHeld) attach?.(a, b, keep);
    if (isHeld && waits) await h.until(() => seen.count > 0, 'a chunk was kept');
    else await wait(READ_DELAY);
    A.startReading();
    B.startReading();
    await relayed;
    expect((await B.received).equals(A.sent.subarray(skipped)), 'from a to b').toBe(true);
    expect((await A.received).equals(B.sent), 'from b to a').toBe(true);
  });
  await Promise.all(runs);
  return seen;
}

const saving =
  (keep: (bytes: Uint8Array) => void): Plugin =>
  (wire) =>
  (dial) =>
  (flow$) =>
    flow$.pipe(
      tap((signal) => signal.kind === 'data' && keep(signal.bytes)),
      wire(dial),
      tap((signal) => signal.kind === 'data' && keep(signal.bytes)),
    );

/** All ways to hold references to the bytes of a relay. */
const HOLDERS: Readonly<Record<string, Holder>> = {
  'data$ of the source': { attach: (a, _b, keep) => a.data$.subscribe(keep) },
  'data$ of the destination, subscribed late': {
    attach: (_a, b, keep) => setImmediate(() => setImmediate(() => b.data$.subscribe({ next: keep, error: () => {} }))),
  },
  'inBuf, read at IN': {
    attach: (a, _b, keep) => a.events$.subscribe(({ mask }) => (mask & IN) !== 0 && keep(a.inBuf)),
  },
  'outBuf, read while bytes are queued': {
    waits: true,
    attach: (a, b, keep) => a.events$.subscribe(({ mask }) => (mask & IN) !== 0 && keep(b.outBuf)),
  },
  'a listener of the socket': {
    attach: (a, _b, keep) => a.events$.subscribe(({ mask }) => (mask & CONNECTED) !== 0 && (a.fh as Socket).on('data', keep)),
  },
  'a plugin': { options: (keep, port) => ({ host: HOST, port, plugin: { saving: saving(keep) } }) },
  'a custom wire': {
    options: (keep, port) => ({ wire: (dial) => saving(keep)(tcp())({ ...dial, to: { host: HOST, port } }) }),
  },
  'a conversation before the relay': {
    first: (a, keep) => {
      // Two full reads. The conversation keeps a part of the second one, and the relay receives the rest of it.
      a.pause();
      void wait(READ_DELAY).then(() => a.resume());
      const heads = converse(a, function* (link) {
        let total = 0;
        for (; total < READ_SIZE + 1000; total += 1000) keep(yield* link.read(1000));
        return total;
      });
      return lastValueFrom(heads);
    },
  },
};

describe('BufferRecycler', () => {
  spec('recycles buffers that no other code can hold', async (h) => {
    const seen = await relayBeside(h, {});
    expect([seen.count, freeBuffers() > 0]).toEqual([0, true]);
  });

  spec.each(Object.entries(HOLDERS))('does not recycle buffers that other code may hold: %s', async (h, _, watch) => {
    const seen = await relayBeside(h, watch);
    expect(seen.count).toBeGreaterThan(0);
    expect(seen.changed).toBe(0);
  });

  spec('recycles a buffer once, when its last byte is sent', async (h) => {
    const { port, startReading } = await startPeer(h);
    startReading();
    const chunks = await new Promise<Buffer[]>((resolve) => {
      const received: Buffer[] = [];
      connectSocket({ host: HOST, port }).subscribe((socket) => {
        socket.on('data', (chunk: Buffer) => received.push(chunk)).on('close', () => resolve(received));
        socket.on('end', () => {
          endReads(socket);
          socket.destroy();
        });
      });
    });
    const whole = chunks.filter((chunk) => chunk.length === READ_SIZE).slice(-8);
    const recycled = whole.map((chunk) => {
      const writes = { sent: 0, accepted: READ_SIZE, queue: { exposed: false } };
      const settings = { wire: undefined, hasPlugins: false };
      const connection = { settings, handle: new Socket(), writes } as unknown as Connection;
      const recycler = new BufferRecycler(connection, connection);
      recycler.add(chunk);
      return [READ_SIZE - 1, READ_SIZE, READ_SIZE].map((sent) => {
        const before = freeBuffers();
        writes.sent = sent;
        recycler.recycleSent();
        return freeBuffers() - before;
      });
    });
    // Some chunks may be copies, which are not recycled.
    expect(recycled).toContainEqual([0, 1, 0]);
    expect(recycled.filter(([early, , again]) => early !== 0 || again !== 0)).toEqual([]);
  });

  spec('forwards chunks unchanged through plugins that keep nothing', async (h) => {
    const seen = await relayBeside(h, { options: (_keep, port) => ({ host: HOST, port, plugin: { passthrough: passthrough() } }) });
    expect(seen.count).toBe(0);
  });
});
