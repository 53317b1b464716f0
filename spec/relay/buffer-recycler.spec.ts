import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { CONNECTED, converse, IN, IOStream, passthrough, relay, tcp, type Plugin } from 'rxjs-io-stream';
import { lastValueFrom, tap } from 'rxjs';
import { describe, expect } from 'vitest';
import { BufferRecycler } from '../../src/relay/buffer-recycler.ts';
import type { Connection } from '../../src/stream/connection.ts';
import { connectSocket } from '../../src/wire/socket.ts';
import { endReads, READ_SIZE, freeBuffers } from '../../src/wire/socket-reads.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { owned } from '../stream/tools.ts';

const HOST = '127.0.0.1';
const SIZE = 12 << 20;
/** How long talkers do not listen, in milliseconds: so that bytes wait in every place where they can. */
const LATE = 60;

/** Says much, ends, and keeps what it hears. */
interface Talker {
  readonly port: number;
  readonly said: Buffer;
  readonly heard: Promise<Buffer>;
  /** Begins to listen. */
  listen(): void;
}

async function talker(h: Harness): Promise<Talker> {
  const said = randomBytes(SIZE);
  let peer: Socket | undefined;
  const server = createServer({ allowHalfOpen: true }).listen(0, HOST);
  await once(server, 'listening');
  h.defer(() => {
    peer?.destroy();
    server.close();
  });
  let listen = (): void => {};
  const late = new Promise<void>((resolve) => (listen = resolve));
  const heard = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      peer = socket.on('error', () => {});
      const chunks: Buffer[] = [];
      void late.then(() => socket.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks))));
      socket.end(said);
    });
  });
  return { port: (server.address() as AddressInfo).port, said, heard, listen };
}

/** What somebody has of the bytes, and what they were when he got them. */
class Keepsakes {
  readonly #kept: (readonly [bytes: Uint8Array, asTheyWere: Buffer])[] = [];

  keep(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#kept.push([bytes, Buffer.from(bytes)]);
  }

  get count(): number {
    return this.#kept.length;
  }

  get changed(): number {
    return this.#kept.filter(([bytes, asTheyWere]) => !asTheyWere.equals(bytes)).length;
  }
}

interface Watch {
  readonly options?: (keep: (bytes: Uint8Array) => void, port: number) => ConstructorParameters<typeof IOStream>[0];
  /** Before the relay begins; gives how many bytes of `a` it took. */
  readonly first?: (a: IOStream, keep: (bytes: Uint8Array) => void) => Promise<number>;
  /** The talkers listen only when something was kept. */
  readonly waits?: boolean;
  readonly watch?: (a: IOStream, b: IOStream, keep: (bytes: Uint8Array) => void) => void;
}

/** Relays between two talkers, beside two relays that nobody watches, whose reads take every buffer that comes back. */
async function relayed(h: Harness, { options, first, waits = false, watch }: Watch): Promise<Keepsakes> {
  const keepsakes = new Keepsakes();
  const keep = (bytes: Uint8Array): void => keepsakes.keep(bytes);
  const runs = [true, false, false].map(async (watched) => {
    const [A, B] = [await talker(h), await talker(h)];
    const optionsFor = (port: number): ConstructorParameters<typeof IOStream>[0] => ({
      ...(watched && options ? options(keep, port) : { host: HOST, port }),
      allowHalfOpen: true,
      highWaterMark: 1 << 20,
    });
    const [a, b] = owned(h, new IOStream(optionsFor(A.port)), new IOStream(optionsFor(B.port)));
    const skipped = watched && first ? await first(a, keep) : 0;
    const through = lastValueFrom(relay(a, b));
    if (watched) watch?.(a, b, keep);
    if (watched && waits) await h.until(() => keepsakes.count > 0, 'bytes that wait');
    else await wait(LATE);
    A.listen();
    B.listen();
    await through;
    expect((await B.heard).equals(A.said.subarray(skipped)), 'from a to b').toBe(true);
    expect((await A.heard).equals(B.said), 'from b to a').toBe(true);
  });
  await Promise.all(runs);
  return keepsakes;
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

/** Whoever can have bytes of a relay, and may keep them. */
const WATCHERS: Readonly<Record<string, Watch>> = {
  'data$ of the one': { watch: (a, _b, keep) => a.data$.subscribe(keep) },
  'data$ of the other, which joins late': {
    watch: (_a, b, keep) => setImmediate(() => setImmediate(() => b.data$.subscribe({ next: keep, error: () => {} }))),
  },
  'inBuf, looked at when bytes come': {
    watch: (a, _b, keep) => a.events$.subscribe(({ mask }) => (mask & IN) !== 0 && keep(a.inBuf)),
  },
  'outBuf, looked at while bytes wait': {
    waits: true,
    watch: (a, b, keep) => a.events$.subscribe(({ mask }) => (mask & IN) !== 0 && keep(b.outBuf)),
  },
  'a listener of the socket itself': {
    watch: (a, _b, keep) => a.events$.subscribe(({ mask }) => (mask & CONNECTED) !== 0 && (a.fh as Socket).on('data', keep)),
  },
  'a plugin': { options: (keep, port) => ({ host: HOST, port, plugin: { saving: saving(keep) } }) },
  'a wire of one’s own': {
    options: (keep, port) => ({ wire: (dial) => saving(keep)(tcp())({ ...dial, to: { host: HOST, port } }) }),
  },
  'a conversation, of which the relay gets the rest': {
    first: (a, keep) => {
      // Two full reads: of the second, which is given away as it is, a little is kept, and the relay gets the rest.
      a.pause();
      void wait(LATE).then(() => a.resume());
      const heads = converse(a, function* (link) {
        let total = 0;
        for (; total < READ_SIZE + 1000; total += 1000) keep(yield* link.read(1000));
        return total;
      });
      return lastValueFrom(heads);
    },
  },
};

describe('the buffers of a relay', () => {
  spec('are read into again when nobody else can have them', async (h) => {
    const keepsakes = await relayed(h, {});
    expect([keepsakes.count, freeBuffers() > 0]).toEqual([0, true]);
  });

  spec.each(Object.entries(WATCHERS))('are left to whoever has them: %s', async (h, _, watch) => {
    const keepsakes = await relayed(h, watch);
    expect(keepsakes.count).toBeGreaterThan(0);
    expect(keepsakes.changed).toBe(0);
  });

  spec('come back when their last byte has left, and once', async (h) => {
    const { port, listen } = await talker(h);
    listen();
    const chunks = await new Promise<Buffer[]>((resolve) => {
      const told: Buffer[] = [];
      connectSocket({ host: HOST, port }).subscribe((socket) => {
        socket.on('data', (chunk: Buffer) => told.push(chunk)).on('close', () => resolve(told));
        socket.on('end', () => {
          endReads(socket);
          socket.destroy();
        });
      });
    });
    const whole = chunks.filter((chunk) => chunk.length === READ_SIZE).slice(-8);
    const backs = whole.map((chunk) => {
      const writes = { sent: 0, accepted: READ_SIZE, queue: { exposed: false } };
      const core = { isRawSocket: true, writes } as unknown as Connection;
      const loans = new BufferRecycler(core, core);
      loans.add(chunk);
      return [READ_SIZE - 1, READ_SIZE, READ_SIZE].map((left) => {
        const before = freeBuffers();
        writes.sent = left;
        loans.recycleSent();
        return freeBuffers() - before;
      });
    });
    // Some may be copies, which do not come back.
    expect(backs).toContainEqual([0, 1, 0]);
    expect(backs.filter(([early, , again]) => early !== 0 || again !== 0)).toEqual([]);
  });

  spec('pass a stack of plugins that keep nothing as they are', async (h) => {
    const keepsakes = await relayed(h, { options: (_keep, port) => ({ host: HOST, port, plugin: { passthrough: passthrough() } }) });
    expect(keepsakes.count).toBe(0);
  });
});
