import { connect, type Socket } from 'node:net';
import { assert, describe, expect } from 'vitest';
import { handshake, IOStream, mapBytes, passthrough, type Plugin } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { closedReport, serve, ticks, turns } from './tools.ts';

/** Waits until all objects are collected. */
async function collected(h: Harness, refs: readonly WeakRef<object>[]): Promise<void> {
  const { gc } = globalThis as { gc?: () => void };
  assert(gc, 'node runs with --expose-gc');
  await h.until(() => {
    gc();
    return refs.every((ref) => ref.deref() === undefined);
  }, `${refs.length} streams are collected`);
}

const same = (bytes: Uint8Array): Uint8Array => bytes;

const plugins = {
  none: {},
  passthrough: { one: passthrough(), two: passthrough() },
  mapBytes: {
    one: ((wire) => (dial) => (flow$) =>
      flow$.pipe(
        mapBytes(() => same),
        wire(dial),
        mapBytes(() => same),
      )) satisfies Plugin,
  },
  handshake: {
    one: handshake({
      *talk(link) {
        link.send('hello');
        yield* link.read(5);
      },
    }),
  },
} as const;

describe('a closed stream', () => {
  for (const [name, plugin] of Object.entries(plugins)) {
    spec(`is garbage-collected over a pair in memory, with plugins: ${name}`, async (h) => {
      const signal = new AbortController().signal;
      const runStream = async (): Promise<WeakRef<object>[]> => {
        const [left, right] = memoryPair();
        const a: IOStream = new IOStream({ wire: left, plugin, signal, timeouts: { idle: 60_000 } });
        const b: IOStream = new IOStream({ wire: right, plugin, signal });
        a.events$.subscribe();
        b.data$.subscribe();
        a.output.blocked$.subscribe();
        a.write('x');
        a.send(['y']).subscribe();
        a.consume(() => []).subscribe();
        await ticks(40);
        a.close();
        await Promise.all([closedReport(a), closedReport(b)]);
        return [new WeakRef(a), new WeakRef(b)];
      };
      await collected(h, await runStream());
      signal.throwIfAborted();
    });
  }

  for (const how of ['close', 'reset', 'end', 'peer'] as const) {
    spec(`is garbage-collected over TCP, closed by ${how}`, async (h) => {
      const port = await serve(h, (socket: Socket) => {
        socket.on('end', () => socket.end()).resume();
        if (how === 'peer') socket.end('bye');
      });
      const runStream = async (): Promise<WeakRef<object>> => {
        const io: IOStream = new IOStream({ host: '127.0.0.1', port, timeouts: { idle: 60_000 } });
        io.data$.subscribe();
        io.write('x');
        // With 'peer', it may have closed already.
        await h.until(() => io.state !== 'opening' && io.output.pending === 0);
        if (how === 'close') io.close();
        if (how === 'reset') io.reset();
        if (how === 'end') io.end();
        await closedReport(io);
        return new WeakRef(io);
      };
      const ref = await runStream();
      await turns();
      await collected(h, [ref]);
    });
  }

  spec('is garbage-collected although its `fh` is still referenced', async (h) => {
    const port = await serve(h, (socket) => socket.on('end', () => socket.end()).resume());
    const fh = connect(port, '127.0.0.1');
    const runStream = async (): Promise<WeakRef<object>> => {
      const io: IOStream = new IOStream({ fh });
      io.write('x');
      await h.until(() => io.state === 'open' && io.output.pending === 0);
      io.close();
      await closedReport(io);
      return new WeakRef(io);
    };
    const ref = await runStream();
    await turns();
    await collected(h, [ref]);
    assert(fh.destroyed);
  });

  spec('does not keep the bytes that it read and wrote', async (h) => {
    const [left, right] = memoryPair();
    const a: IOStream = new IOStream({ wire: left });
    const b: IOStream = new IOStream({ wire: right });
    const runStream = async (): Promise<WeakRef<object>[]> => {
      const bytes = Buffer.alloc(100_000);
      const refs = [new WeakRef<object>(bytes)];
      b.data$.subscribe((chunk) => refs.push(new WeakRef(chunk)));
      a.write(bytes);
      a.end();
      await Promise.all([closedReport(a), closedReport(b)]);
      return refs;
    };
    await collected(h, await runStream());
    expect([a.state, b.state]).toStrictEqual(['closed', 'closed']);
  });
});
