import { Subscription } from 'rxjs';
import { describe, expect } from 'vitest';
import { EOF, IN, IOStream } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { syncPair } from '../../src/testing/memory/sync-pair.ts';
import { spec } from '../support/spec.ts';
import { data } from '../support/signal-text.ts';
import { ScriptedWire } from '../support/scripted-wire.ts';
import { closing, dialled, joined, owned, pattern, ticks, turns, unhandled } from './tools.ts';

describe('data$', () => {
  spec('gives what is in inBuf first, then each read', async (h) => {
    const [a, b] = joined(h);
    a.write('one');
    await h.until(() => b.inBuf.length === 3);
    const seen = h.observed(b.data$);
    expect(seen.values).toStrictEqual([]);
    await seen.value();
    expect([seen.values.map(String), b.inBuf.length]).toStrictEqual([['one'], 0]);
    a.write('two');
    await seen.value((chunk) => String(chunk) === 'two');
    a.write('three');
    await seen.value((chunk) => String(chunk) === 'three');
    expect(seen.values.every((chunk) => Buffer.isBuffer(chunk))).toBe(true);
  });

  spec('gives what a user put into inBuf', async (h) => {
    const [a, b] = joined(h);
    await ticks();
    const seen = h.observed(b.data$);
    await ticks();
    b.inBuf = 'put back';
    a.end(' and read');
    await seen.ended;
    h.sameBytes(seen.values, 'put back and read');
  });

  spec('drains one tick after the first subscription: all subscribers of the tick see the same', async (h) => {
    const [a, b] = joined(h);
    a.write('already there');
    await h.until(() => b.inBuf.length > 0);
    const first = h.observed(b.data$);
    const second = h.observed(b.data$);
    const third = h.observed(b.data$);
    a.end(', later');
    for (const seen of [first, second, third]) h.sameBytes((await seen.ended).values, 'already there, later');
  });

  spec('gives a late subscriber what is left, then the end', async (h) => {
    const [a, b] = joined(h);
    a.end('all of it');
    await closing(b);
    const seen = h.observed(b.data$);
    expect((await seen.ended).state).toBe('complete');
    h.sameBytes(seen.values, 'all of it');
  });

  spec('goes on for one while another subscribes late and leaves early', async (h) => {
    const [a, b] = joined(h);
    const first = h.observed(b.data$);
    a.write('1');
    await first.value();
    const late = h.observed(b.data$);
    a.write('2');
    await late.value();
    late.unsubscribe();
    a.end('3');
    await first.ended;
    h.sameBytes(first.values, '123');
    h.sameBytes(late.values, '2');
  });

  spec('keeps what comes while nobody is subscribed', async (h) => {
    const [a, b] = joined(h);
    const first = h.observed(b.data$);
    a.write('1');
    await first.value();
    first.unsubscribe();
    a.end('2');
    await h.until(() => b.isEof);
    expect(String(b.inBuf)).toBe('2');
    const second = h.observed(b.data$);
    await second.ended;
    h.sameBytes(second.values, '2');
  });

  spec('completes at once for one who comes after the end', async (h) => {
    const [a, b] = joined(h);
    const first = h.observed(b.data$);
    a.end('x');
    await first.ended;
    for (const when of ['after EOF', 'when closed']) {
      const late = h.observed(b.data$, when);
      expect([(await late.ended).state, late.values]).toStrictEqual(['complete', []]);
      await closing(b);
    }
  });

  spec('completes on our own close, and gives nothing more, whatever is in inBuf', async (h) => {
    for (const asked of [true, false]) {
      const [a, b] = joined(h);
      a.write('unread');
      await h.until(() => b.inBuf.length > 0);
      const early = asked ? h.observed(b.data$) : undefined;
      b.close();
      const late = h.observed(b.data$);
      await closing(b);
      const after = h.observed(b.data$);
      for (const seen of [early, late, after]) if (seen) expect([(await seen.ended).state, seen.values]).toStrictEqual(['complete', []]);
      expect(String(b.inBuf)).toBe('unread');
    }
  });

  spec('errors on a fatal error, after all bytes read before it', async (h) => {
    const [a, b] = joined(h);
    const sent = pattern(60_000);
    a.write(sent);
    const seen = h.observed(b.data$);
    await ticks(4);
    a.reset();
    h.error((await seen.ended).error, { code: 'ECONNRESET', phase: 'read' });
    h.sameBytes(seen.values, sent);
  });

  spec('errors for a late subscriber too, after what is left', async (h) => {
    const [a, b] = joined(h);
    h.watch(b);
    a.write('left');
    await h.until(() => b.inBuf.length > 0);
    a.reset();
    await closing(b);
    const seen = h.observed(b.data$);
    h.error((await seen.ended).error, { code: 'ECONNRESET' });
    h.sameBytes(seen.values, 'left');
    const later = h.observed(b.data$);
    h.error((await later.ended).error, { code: 'ECONNRESET' });
    expect(later.values).toStrictEqual([]);
  });

  spec('errors on an abort, after all bytes read before it, in the tick of its subscription too', async (h) => {
    const controller = new AbortController();
    const [a, b] = joined(h, {}, { signal: controller.signal });
    a.write('read before');
    await h.until(() => b.inBuf.length > 0);
    const seen = h.observed(b.data$);
    controller.abort();
    await seen.ended;
    expect((seen.error as Error).name).toBe('AbortError');
    h.sameBytes(seen.values, 'read before');
  });

  spec('completes, not errors, when a reset comes after EOF and nothing is pending; the peer has ended the stream', async (h) => {
    const [a, b] = joined(h, {}, { allowHalfOpen: true });
    h.watch(b);
    const seen = h.observed(b.data$);
    a.end('whole');
    await seen.ended;
    a.reset();
    expect((await closing(b)).by).toBe('peer');
    expect(seen.state).toBe('complete');
    const late = h.observed(b.data$);
    expect((await late.ended).state).toBe('complete');
  });

  spec('goes on for others when one subscriber throws, which RxJS is told of', async (h) => {
    const reported = unhandled(h);
    const [a, b] = joined(h);
    b.data$.subscribe(() => {
      throw new Error('mine');
    });
    const seen = h.observed(b.data$);
    a.write('1');
    await seen.value();
    a.end('2');
    await seen.ended;
    h.sameBytes(seen.values, '12');
    await h.until(() => reported.length === 2);
    expect(reported.map((error) => (error as Error).message)).toStrictEqual(['mine', 'mine']);
    expect((await closing(b)).by).toBe('peer');
  });

  spec('stands an unsubscribe from inside next', async (h) => {
    const [a, b] = joined(h);
    const seen: string[] = [];
    const subscription = new Subscription();
    subscription.add(
      b.data$.subscribe((chunk) => {
        seen.push(String(chunk));
        subscription.unsubscribe();
      }),
    );
    a.write('1');
    await h.until(() => seen.length > 0);
    a.end('2');
    const rest = h.observed(b.data$);
    await rest.ended;
    expect(seen).toStrictEqual(['1']);
    h.sameBytes(rest.values, '2');
  });

  spec('stands a write, a subscription and a close from inside next', async (h) => {
    const [a, b] = joined(h);
    const back = h.observed(a.data$);
    const seen: string[] = [];
    b.data$.subscribe((chunk) => {
      seen.push(String(chunk));
      b.write(chunk);
      b.data$.subscribe((inner) => seen.push(`inner ${String(inner)}`));
      if (String(chunk) === '2') b.close();
    });
    a.write('1');
    await back.value();
    a.write('2');
    await closing(b);
    h.sameBytes((await back.ended).values, '12');
    expect(seen, 'after the close nobody gets anything').toStrictEqual(['1', '2']);
  });

  spec('holds the bytes while the stream is paused, and gives them all when it goes on', async (h) => {
    const [a, b] = joined(h);
    const seen = h.observed(b.data$);
    await ticks();
    b.pause();
    a.end('held');
    await ticks(50);
    expect([seen.values, seen.state]).toStrictEqual([[], 'open']);
    b.resume();
    await seen.ended;
    h.sameBytes(seen.values, 'held');
  });

  spec('keeps what was in flight when it was paused, EOF or not', async (h) => {
    const [a, b] = joined(h, {}, { allowHalfOpen: true });
    const seen = h.observed(b.data$);
    await ticks();
    a.end('in flight');
    b.events$.subscribe(({ mask }) => {
      if (mask & IN) b.pause();
    });
    await ticks(50);
    expect([seen.values, seen.state]).toStrictEqual([[], 'open']);
    b.resume();
    await seen.ended;
    h.sameBytes(seen.values, 'in flight');
  });

  spec('gives what was held when the stream fails', async (h) => {
    const [a, b] = joined(h);
    const seen = h.observed(b.data$);
    await ticks();
    a.write('held');
    b.events$.subscribe(({ mask }) => {
      if (mask & IN) b.pause();
    });
    await h.until(() => b.inBuf.length > 0);
    b.resume();
    b.pause();
    a.reset();
    b.resume();
    h.error((await seen.ended).error, { code: 'ECONNRESET' });
    h.sameBytes(seen.values, 'held');
  });

  spec('loses nothing, with many sizes, in memory and over TCP', async (h) => {
    const sizes = [1, 2, 3, 1023, 1024, 4095, 4096, 4097, 16_384, 65_535, 65_536, 65_537, 262_143, 262_145, 1_048_577];
    const pieces = [...sizes, ...sizes.reverse()].map((size, seed) => pattern(size, seed + 1));
    const [a, b] = joined(h);
    const { io, socket } = await dialled(h);
    const inMemory = h.observed(b.data$);
    const overTcp = h.observed(io.data$);
    for (const piece of pieces) {
      a.write(piece);
      socket.write(piece);
    }
    a.end();
    socket.end();
    h.sameBytes((await inMemory.ended).values, pieces);
    h.sameBytes((await overTcp.ended).values, pieces);
    socket.resume();
  });

  spec('gives the same with a callback that looks at inBuf on every IN', async (h) => {
    const seen: number[] = [];
    const [wireA, wireB] = memoryPair();
    const [a, b] = owned(
      h,
      new IOStream({ wire: wireA }),
      new IOStream({
        wire: wireB,
        cb: (io, mask) => {
          if (mask & IN) seen.push(io.inBuf.length);
        },
      }),
    );
    const bytes = h.observed(b.data$);
    for (let each = 0; each < 20; each += 1) {
      a.write(pattern(1000, each + 1));
      await ticks(3);
    }
    a.end();
    await bytes.ended;
    expect(seen.length > 1 && seen.every((length) => length > 0)).toBe(true);
    expect(Buffer.concat(bytes.values).length).toBe(20_000);
  });

  spec('does not change what happens when it is subscribed in manual mode: it counts as waiting for IN', async (h) => {
    const [a, b] = joined(h, {}, { waitFor: 0 });
    const { errors } = h.watch(b);
    const seen = h.observed(b.data$);
    a.end(pattern(200_000));
    await seen.ended;
    expect(Buffer.concat(seen.values).length).toBe(200_000);
    expect(errors.values).toStrictEqual([]);
  });

  spec('keeps the order when a peer greets and answers before the first tick is over', async (h) => {
    const [left, right] = syncPair();
    const [peer] = owned(h, new IOStream({ wire: left }));
    peer.write('GREETING ');
    peer.data$.subscribe({ next: (chunk) => void peer.write(chunk), error: () => {} });
    await ticks();
    const [io] = owned(h, new IOStream({ wire: right, outBuf: 'ECHO' }));
    const seen = h.observed(io.data$);
    await ticks();
    h.sameBytes(seen.values, 'GREETING ECHO');
  });

  spec('gives all subscribers the chunk in which one of them aborts, then the error', async (h) => {
    for (const early of [true, false]) {
      const controller = new AbortController();
      const [a, b] = joined(h, {}, { signal: controller.signal });
      if (early) a.write('chunk');
      await ticks();
      b.data$.subscribe({ next: () => controller.abort(), error: () => {} });
      const second = h.observed(b.data$);
      if (!early) {
        await ticks();
        a.write('chunk');
      }
      expect(((await second.ended).error as Error).name).toBe('AbortError');
      h.sameBytes(second.values, 'chunk');
    }
  });

  spec('gives what is left and the end to late subscribers of a closed stream, paused or not', async (h) => {
    const [a, b] = joined(h);
    a.end('left over');
    b.end();
    await closing(b);
    b.pause();
    const late = h.observed(b.data$);
    expect((await late.ended).state).toBe('complete');
    h.sameBytes(late.values, 'left over');
  });
});

describe('reactive mode without a reader', () => {
  spec('reads ahead to highWaterMark and stops there', async (h) => {
    for (const highWaterMark of [1, 1000, 65_536]) {
      const [a, b] = joined(h, {}, { highWaterMark });
      for (let each = 0; each < 100; each += 1) a.write(pattern(5000, each + 1));
      await h.until(() => b.inBuf.length >= highWaterMark);
      await turns();
      expect(b.inBuf.length < highWaterMark + 65_536 + 5000, `${b.inBuf.length} bytes`).toBe(true);
      const before = b.inBuf.length;
      await turns();
      expect(b.inBuf.length).toBe(before);
      b.read();
      await h.until(() => b.inBuf.length >= highWaterMark);
    }
  });

  spec('closes the window of a TCP peer', async (h) => {
    const { io, socket } = await dialled(h);
    while (socket.write(pattern(65_536))) await turns(1);
    for (let each = 0; each < 200; each += 1) socket.write(pattern(65_536));
    await h.until(() => io.inBuf.length >= 65_536);
    await turns(50);
    expect(io.inBuf.length <= 2 * 65_536, `${io.inBuf.length} bytes`).toBe(true);
    expect(socket.writableLength > 4 * 2 ** 20, 'the peer is held up').toBe(true);
  });

  spec('reads no more than highWaterMark after the only reader left', async (h) => {
    const [a, b] = joined(h);
    const seen = h.observed(b.data$);
    a.write('x');
    await seen.value();
    seen.unsubscribe();
    for (let each = 0; each < 100; each += 1) a.write(pattern(10_000));
    await turns(50);
    expect(b.inBuf.length >= 65_536 && b.inBuf.length < 2 * 65_536 + 10_000, `${b.inBuf.length} bytes`).toBe(true);
  });

  spec('notices a FIN, ends too and closes', async (h) => {
    const { io, socket } = await dialled(h, {}, (socket) => socket.resume());
    socket.end('unread');
    const report = await closing(io);
    expect([report.by, report.bytesIn, io.isEof, String(io.inBuf)]).toStrictEqual(['peer', 6, true, 'unread']);
  });

  spec('notices a RST', async (h) => {
    const { io, socket } = await dialled(h);
    const { errors } = h.watch(io);
    socket.resetAndDestroy();
    const report = await closing(io);
    h.error(errors.values[0], { code: 'ECONNRESET', phase: 'read' });
    expect(report.by).toBe('error');
  });

  spec('goes on reading beyond highWaterMark in manual mode, where inBufLimit is the guard', async (h) => {
    const [a, b] = joined(h, {}, { waitFor: EOF, inBufLimit: 0 });
    a.end(pattern(500_000));
    await h.until(() => b.isEof);
    expect(b.inBuf.length).toBe(500_000);
  });

  spec('gives all subscribers the same order, although more comes from inside the next of one of them', async (h) => {
    for (const how of ['by itself', 'as the answer to a write', 'as the answer to a send'] as const) {
      for (const first of ['comes late', 'is read late'] as const) {
        const wire = new ScriptedWire();
        const [io] = owned(h, new IOStream({ wire: wire.wire, allowHalfOpen: true }));
        await ticks(1);
        wire.connect();
        wire.answer = (signal) => {
          if (signal.kind === 'data') wire.emit(data(`re:${String(signal.bytes)}`));
        };
        // Bytes that wait for their first subscriber are emitted at the end of a tick, all others as they come.
        if (first === 'is read late') wire.emit(data('1'));
        const [one, two] = [[] as string[], [] as string[]];
        io.data$.subscribe((bytes) => {
          one.push(String(bytes));
          const text = String(one.length);
          if (one.length > 3) return;
          if (how === 'by itself') wire.emit(data(`re:${text}`));
          else if (how === 'as the answer to a write') io.write(text);
          else h.observed(io.send([text]));
        });
        io.data$.subscribe((bytes) => two.push(String(bytes)));
        await ticks(2);
        if (first === 'comes late') wire.emit(data('1'));
        await h.until(() => two.join('') === '1re:1re:2re:3');
        expect(one).toStrictEqual(two);
      }
    }
  });
});
