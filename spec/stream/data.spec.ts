import { Subscription } from 'rxjs';
import { describe, expect } from 'vitest';
import { IN, IOStream } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { syncPair } from '../../src/testing/memory/sync-pair.ts';
import { spec } from '../support/spec.ts';
import { data } from '../support/signal-text.ts';
import { ScriptedWire } from '../support/scripted-wire.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, pattern, ticks, unhandled } from './tools.ts';

describe('data$', () => {
  spec('emits the bytes of inBuf first, then each read', async (h) => {
    const [a, b] = streamPair(h);
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

  spec('emits the bytes that a user assigned to inBuf', async (h) => {
    const [a, b] = streamPair(h);
    await ticks();
    const seen = h.observed(b.data$);
    await ticks();
    b.inBuf = 'put back';
    a.end(' and read');
    await seen.ended;
    h.sameBytes(seen.values, 'put back and read');
  });

  spec('emits inBuf one tick after the first subscription, to all subscribers of that tick', async (h) => {
    const [a, b] = streamPair(h);
    a.write('already there');
    await h.until(() => b.inBuf.length > 0);
    const first = h.observed(b.data$);
    const second = h.observed(b.data$);
    const third = h.observed(b.data$);
    a.end(', later');
    for (const seen of [first, second, third]) h.sameBytes((await seen.ended).values, 'already there, later');
  });

  spec('continues for a subscriber while another one subscribes late and unsubscribes early', async (h) => {
    const [a, b] = streamPair(h);
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

  spec('buffers the bytes that arrive without a subscriber', async (h) => {
    const [a, b] = streamPair(h);
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

  spec('continues for the others when a subscriber throws, and RxJS reports the error', async (h) => {
    const reported = unhandled(h);
    const [a, b] = streamPair(h);
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
    expect((await closedReport(b)).by).toBe('peer');
  });

  spec('allows an unsubscribe from inside `next`', async (h) => {
    const [a, b] = streamPair(h);
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

  spec('allows a write, a subscription and a close from inside `next`', async (h) => {
    const [a, b] = streamPair(h);
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
    await closedReport(b);
    h.sameBytes((await back.ended).values, '12');
    expect(seen, 'nothing is emitted after the close').toStrictEqual(['1', '2']);
  });

  spec('buffers the bytes while the stream is paused, and emits all of them on `resume`', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    await ticks();
    b.pause();
    a.end('buffered');
    await ticks(50);
    expect([seen.values, seen.state]).toStrictEqual([[], 'open']);
    b.resume();
    await seen.ended;
    h.sameBytes(seen.values, 'buffered');
  });

  spec('buffers the bytes and the EOF that were in flight when the stream was paused', async (h) => {
    const [a, b] = streamPair(h, {}, { allowHalfOpen: true });
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

  spec('emits all bytes of chunks of many sizes, in memory and over TCP', async (h) => {
    const sizes = [1, 2, 3, 1023, 1024, 4095, 4096, 4097, 16_384, 65_535, 65_536, 65_537, 262_143, 262_145, 1_048_577];
    const pieces = [...sizes, ...sizes.reverse()].map((size, seed) => pattern(size, seed + 1));
    const [a, b] = streamPair(h);
    const { io, socket } = await connectedToPeer(h);
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

  spec('emits all bytes although a callback reads inBuf at every IN', async (h) => {
    const seen: number[] = [];
    const [wireA, wireB] = memoryPair();
    const [a, b] = resetAtEnd(
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

  spec('reads in manual mode, too: a subscription counts as waiting for IN', async (h) => {
    const [a, b] = streamPair(h, {}, { waitFor: 0 });
    const { errors } = h.watch(b);
    const seen = h.observed(b.data$);
    a.end(pattern(200_000));
    await seen.ended;
    expect(Buffer.concat(seen.values).length).toBe(200_000);
    expect(errors.values).toStrictEqual([]);
  });

  spec('keeps the order when a peer greets and answers before the first tick has ended', async (h) => {
    const [left, right] = syncPair();
    const [peer] = resetAtEnd(h, new IOStream({ wire: left }));
    peer.write('GREETING ');
    peer.data$.subscribe({ next: (chunk) => void peer.write(chunk), error: () => {} });
    await ticks();
    const [io] = resetAtEnd(h, new IOStream({ wire: right, outBuf: 'ECHO' }));
    const seen = h.observed(io.data$);
    await ticks();
    h.sameBytes(seen.values, 'GREETING ECHO');
  });

  spec('emits in one order to all subscribers, although bytes arrive from inside the `next` of one of them', async (h) => {
    for (const how of ['by itself', 'as the answer to a write', 'as the answer to a send'] as const) {
      for (const first of ['arrives late', 'is read late'] as const) {
        const wire = new ScriptedWire();
        const [io] = resetAtEnd(h, new IOStream({ wire: wire.wire, allowHalfOpen: true }));
        await ticks(1);
        wire.connect();
        wire.answer = (signal) => {
          if (signal.kind === 'data') wire.emit(data(`re:${String(signal.bytes)}`));
        };
        // Bytes buffered for the first subscriber are emitted at the end of a tick, all others as they arrive.
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
        if (first === 'arrives late') wire.emit(data('1'));
        await h.until(() => two.join('') === '1re:1re:2re:3');
        expect(one).toStrictEqual(two);
      }
    }
  });
});
