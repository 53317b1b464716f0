import { Subject, timer } from 'rxjs';
import { describe, expect } from 'vitest';
import { EOF, IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, scriptedStream, ticks, turns, usedMiB } from './tools.ts';

/** The growth of used memory since the start, and its highest measured value. */
function meter(): { look: () => number; highest: number } {
  const before = usedMiB();
  const state = {
    highest: 0,
    look: (): number => {
      const now = usedMiB() - before;
      state.highest = Math.max(state.highest, now);
      return now;
    },
  };
  return state;
}

function print(what: string, mib: number): void {
  console.log(`memory: ${what}: ${mib.toFixed(1)} MiB`);
}

describe('the memory of unread bytes', () => {
  spec('depends on the bytes, not on the number of chunks: 200,000 of one byte, and 20,000 views of 64 KiB', async (h) => {
    for (const [count, slab] of [
      [200_000, 1],
      [20_000, 65_536],
    ] as const) {
      const { wire, up } = scriptedStream();
      const [io] = resetAtEnd(h, new IOStream({ wire, waitFor: EOF, inBufLimit: 0 }));
      await ticks();
      const memory = meter();
      for (let each = 0; each < count; each += 1) up({ kind: 'data', bytes: new Uint8Array(slab).subarray(0, 1) });
      print(`${count} one-byte chunks, views of ${slab} bytes`, memory.look());
      expect(io.inBuf.length).toBe(count);
      expect(memory.highest < 8, `${memory.highest} MiB`).toBe(true);
    }
  });

  spec('does not include the backing buffer of a chunk after its signal', async (h) => {
    const { wire, up } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire, waitFor: EOF, inBufLimit: 0 }));
    await ticks();
    up({ kind: 'data', bytes: new Uint8Array(65_536).fill(7).subarray(0, 3) });
    expect([...io.inBuf]).toEqual([7, 7, 7]);
    expect(io.inBuf.buffer.byteLength).toBeLessThanOrEqual(256);
  });

  spec('stays within highWaterMark for a consumer of one-byte chunks', async (h) => {
    const { wire, up, down } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire, highWaterMark: 1000 }));
    const inner$ = new Subject<never>();
    h.observed(io.consume(() => inner$));
    await ticks();
    for (let each = 0; each < 1001; each += 1) up({ kind: 'data', bytes: new Uint8Array(1) });
    expect(down.at(-1)?.kind).toBe('pause');
    expect(io.inBuf.length).toBeLessThanOrEqual(1000);
  });

  spec('does not grow while a consumer handles a chunk every 10 ms', async (h) => {
    const { io, socket } = await connectedToPeer(h);
    const memory = meter();
    const piece = Buffer.alloc(65_536, 1);
    let open = true;
    const feed = (): void => {
      while (open) {
        if (socket.write(piece)) continue;
        socket.once('drain', feed);
        return;
      }
    };
    feed();
    let taken = 0;
    let chunks = 0;
    const seen = h.observed(
      io.consume((chunk) => {
        taken += chunk.length;
        chunks += 1;
        if (chunks % 40 === 0) memory.look();
        return timer(10);
      }),
    );
    // Takes 2 s, and on a busy machine longer than `until` waits.
    await seen.value(() => chunks >= 200);
    open = false;
    expect(io.inBuf.length <= 2 * 65_536, `${io.inBuf.length} bytes ahead`).toBe(true);
    seen.unsubscribe();
    io.reset();
    print(`a consumer of a chunk per 10 ms took ${(taken / 2 ** 20).toFixed(0)} MiB`, memory.highest);
    expect(memory.highest < 16, `${memory.highest} MiB`).toBe(true);
  });

  spec('does not grow while data$ emits 512 MiB', async (h) => {
    const [a, b] = streamPair(h);
    let got = 0;
    const memory = meter();
    b.data$.subscribe((chunk) => {
      got += chunk.length;
      if (got % (64 * 2 ** 20) === 0) memory.look();
    });
    const piece = Buffer.alloc(2 ** 20, 1);
    const seen = h.observed(
      a.send(
        (function* () {
          for (let each = 0; each < 512; each += 1) yield piece;
        })(),
      ),
    );
    await seen.ended;
    a.close();
    await closedReport(b);
    expect(got).toBe(512 * 2 ** 20);
    print('512 MiB from send to data$', memory.highest);
    expect(memory.highest < 16, `${memory.highest} MiB`).toBe(true);
  });
});

describe('the memory of queued bytes', () => {
  spec('stays within highWaterMark and one chunk for a send to a peer that stops reading', async (h) => {
    const { io, socket } = await connectedToPeer(h, {}, (socket) => socket.pause());
    const memory = meter();
    let pulled = 0;
    const seen = h.observed(
      io.send(
        (function* () {
          for (;;) {
            pulled += 1;
            yield Buffer.alloc(65_536, pulled);
          }
        })(),
      ),
    );
    let before: number | undefined;
    for (let still = 0; still < 50; still = before === pulled ? still + 1 : 0) {
      before = pulled;
      await turns(1);
    }
    memory.look();
    expect(io.output.pending <= 65_536 + 65_536, `${io.output.pending} bytes queued`).toBe(true);
    print(`send to a peer that stops reading, ${pulled} chunks of 64 KiB taken by the kernel`, memory.highest);
    expect(memory.highest < 8, `${memory.highest} MiB`).toBe(true);
    seen.unsubscribe();
    io.reset();
    socket.destroy();
  });

  spec('is bounded if the writer waits after write() returned false', async (h) => {
    const [a, b] = streamPair(h);
    let got = 0;
    b.data$.subscribe((chunk) => (got += chunk.length));
    const memory = meter();
    let highest = 0;
    for (let each = 0; each < 8000; each += 1) {
      if (!a.write(Buffer.alloc(10_000, each))) await h.until(() => a.output.pending < 65_536);
      highest = Math.max(highest, a.output.pending);
      if (each % 1000 === 0) memory.look();
    }
    a.close();
    await closedReport(b);
    expect(got).toBe(80_000_000);
    print('80 MB written, waiting after false', memory.highest);
    expect(highest <= 65_536 + 10_000 && memory.highest < 16, `${highest} bytes, ${memory.highest} MiB`).toBe(true);
  });

  spec('is freed as bytes are sent, although the queue is never empty', async (h) => {
    const { wire, up, down } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire, outBufLimit: 0 }));
    await ticks();
    const memory = meter();
    up({ kind: 'pause' });
    for (let each = 0; each < 8; each += 1) io.write(Buffer.alloc(100_000));
    let passed = 0;
    const signals = down as { length: number; splice(from: number): typeof down };
    for (let each = 0; each < 5000; each += 1) {
      io.write(Buffer.alloc(100_000, each));
      if (each % 4 === 3) {
        up({ kind: 'resume' });
        up({ kind: 'pause' });
        const sent = signals.splice(0).reduce((sum, signal) => sum + (signal.kind === 'data' ? signal.bytes.length : 0), 0);
        passed += sent;
        up({ kind: 'sent', bytes: sent });
      }
      if (each % 1000 === 0) memory.look();
    }
    print(`${(passed / 2 ** 20).toFixed(0)} MiB through a queue`, memory.highest);
    expect(memory.highest < 8, `${memory.highest} MiB`).toBe(true);
  });

  spec('depends on the bytes, not on the number of writes: 200,000 of one byte to a peer that stops reading', async (h) => {
    const { wire, up } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire, outBufLimit: 0 }));
    await ticks();
    up({ kind: 'pause' });
    const memory = meter();
    for (let each = 0; each < 200_000; each += 1) io.write('x');
    memory.look();
    print('200,000 queued one-byte writes', memory.highest);
    expect(memory.highest < 2, `${memory.highest} MiB`).toBe(true);
    expect(io.output.pending).toBe(200_000);
  });

  spec('is freed after an outBuf of the options was sent', async (h) => {
    const { wire, up, down } = scriptedStream();
    const made = (): [IOStream, WeakRef<object>] => {
      const outBuf = Buffer.alloc(1_000_000);
      return [new IOStream({ wire, outBuf }), new WeakRef(outBuf)];
    };
    const [io, ref] = made();
    resetAtEnd(h, io);
    await ticks();
    down.length = 0;
    up({ kind: 'sent', bytes: 1_000_000 });
    const { gc } = globalThis as { gc?: () => void };
    await h.until(() => {
      gc?.();
      return ref.deref() === undefined;
    }, 'outBuf is freed');
    expect(io.state).toBe('open');
  });
});

describe('the memory of a stream', () => {
  spec('is less than 8 KiB while the stream is idle', async (h) => {
    const memory = meter();
    const streams: IOStream[] = [];
    for (let each = 0; each < 5000; each += 1) streams.push(new IOStream({ wire: scriptedStream().wire }));
    resetAtEnd(h, ...streams);
    await ticks();
    const kib = (memory.look() * 1024) / 5000;
    print(`5000 idle streams, ${kib.toFixed(2)} KiB each with their scripted wires`, memory.highest);
    expect(kib < 8, `${kib} KiB`).toBe(true);
  });
});
