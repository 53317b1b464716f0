import { concat, concatMap, defer, finalize, of, Subject, timer } from 'rxjs';
import { describe, expect } from 'vitest';
import { converse, IOStream } from 'rxjs-io-stream';
import { rechunk } from '../../src/testing/rechunk.ts';
import { syncPair } from '../../src/testing/memory/sync-pair.ts';
import { spec } from '../support/spec.ts';
import { data, inWords, textOf } from '../support/signal-text.ts';
import { streamPair, resetAtEnd, ticks } from './tools.ts';
import { text, END, greeting, PEER_GREETING, scriptedStream } from './converse-tools.ts';

describe('converse', () => {
  spec('reads exactly, at every cut of the bytes; unread bytes stay in inBuf', async (h) => {
    for (const { name, chunks } of rechunk(`${PEER_GREETING} and more`, { empty: true })) {
      const { io, wire } = await scriptedStream(h);
      const seen = h.observed(converse(io, greeting));
      for (const bytes of chunks) wire.emit({ kind: 'data', bytes });
      await ticks(2);
      expect(seen, name).toMatchObject({ state: 'complete', values: [['2.0', 'some words\r\n', 'ok']] });
      expect(io.inBuf.toString(), name).toBe(' and more');
      expect(textOf(wire.down), name).toBe('hello there\nthanks\n');
      wire.emit(data(' still'));
      expect(io.inBuf.toString(), name).toBe(' and more still');
    }
  });

  spec('leaves unread bytes to the next reader: data$, consume, iteration, another conversation', async (h) => {
    const readers: ((io: IOStream) => Promise<string>)[] = [
      async (io) => text(await h.observed(io.data$).value()),
      async (io) => text(await h.observed(io.consume((chunk) => of(chunk))).value()),
      async (io) => text(((await io[Symbol.asyncIterator]().next()) as { value: Buffer }).value),
      async (io) =>
        h
          .observed(
            converse(io, function* (link) {
              return text(yield* link.read(4));
            }),
          )
          .value(),
    ];
    for (const reader of readers) {
      const { io, wire } = await scriptedStream(h);
      const seen = h.observed(converse(io, greeting));
      wire.emit(data(`${PEER_GREETING}more`));
      await seen.ended;
      expect(await reader(io)).toBe('more');
    }
  });

  spec('starts with the bytes in inBuf', async (h) => {
    const { io, wire } = await scriptedStream(h);
    wire.emit(data(PEER_GREETING.slice(0, 9)));
    await ticks(2);
    const seen = h.observed(converse(io, greeting));
    wire.emit(data(PEER_GREETING.slice(9)));
    expect((await seen.ended).values).toEqual([['2.0', 'some words\r\n', 'ok']]);
  });

  spec('is cold, and runs once for each subscription', async (h) => {
    const { io, wire } = await scriptedStream(h);
    let runs = 0;
    const conversation$ = converse(io, function* (link) {
      runs += 1;
      return text(yield* link.read(1));
    });
    expect(runs).toBe(0);
    wire.emit(data('ab'));
    const seen = await h.observed(concat(conversation$, conversation$)).ended;
    expect(seen.values).toEqual(['a', 'b']);
    expect(runs).toBe(2);
  });

  spec('completes when its output is sent, and writes it in one piece', async (h) => {
    const { io, wire } = await scriptedStream(h);
    const seen = h.observed(
      converse(io, function* (link) {
        link.send('a');
        link.send(new Uint8Array([98]));
        return yield* link.read(0);
      }),
    );
    expect([seen.state, wire.down]).toEqual(['open', []]);
    await ticks(2);
    expect(inWords(wire.down)).toEqual(['data ab']);
    expect(seen.state).toBe('complete');
  });

  spec('emits each byte on data$ once, in order', async (h) => {
    const { io, wire } = await scriptedStream(h);
    const tapped = h.observed(io.data$);
    const seen = h.observed(converse(io, greeting));
    for (const bytes of [PEER_GREETING.slice(0, 5), `${PEER_GREETING.slice(5)} and`, ' more']) wire.emit(data(bytes));
    await ticks(2);
    wire.emit(END);
    wire.complete();
    await tapped.ended;
    expect(seen.state).toBe('complete');
    expect(text(Buffer.concat(tapped.values))).toBe(`${PEER_GREETING} and more`);
  });

  spec('runs a thousand steps from one chunk, and a long read in one-byte chunks', async (h) => {
    const { io, wire } = await scriptedStream(h);
    const seen = h.observed(
      converse(io, function* (link) {
        let sum = 0;
        for (let each = 0; each < 1000; each += 1) sum += (yield* link.read(1))[0] ?? 0;
        return [sum, (yield* link.read(20_000)).length];
      }),
    );
    wire.emit({ kind: 'data', bytes: new Uint8Array(1000).fill(1) });
    for (let each = 0; each < 20_000; each += 1) wire.emit(data('x'));
    expect((await seen.ended).values).toEqual([[1000, 20_000]]);
  });

  spec('runs on both ends of a connection repeatedly, between other readers', async (h) => {
    const [client, server] = streamPair(h, {}, { allowHalfOpen: true });
    const rounds = 50;
    const served = h.observed(
      converse(server, function* (link) {
        for (let round = 0; round < rounds; round += 1) link.send(`${Number(text(yield* link.readUntil('\n', 9))) * 2}\n`);
      }).pipe(
        concatMap(() => server.send(server)),
        finalize(() => server.end()),
      ),
    );
    const requested = h.observed(
      concat(
        ...Array.from({ length: rounds }, (_, round) =>
          converse(client, function* (link) {
            link.send(`${round}\n`);
            return Number(text(yield* link.readUntil('\n', 9)));
          }),
        ),
        defer(() => timer(1)),
      ),
    );
    await requested.ended;
    expect(requested.values.slice(0, rounds)).toEqual(Array.from({ length: rounds }, (_, round) => round * 2));
    client.end('now the echo');
    const rest = await h.observed(client.data$).ended;
    expect(text(Buffer.concat(rest.values))).toBe('now the echo');
    await served.ended;
  });

  spec('keeps the order if the wire emits more from inside its resume', async (h) => {
    const [left, right] = syncPair();
    const [peer, io] = resetAtEnd(h, new IOStream({ wire: left }), new IOStream({ wire: right, highWaterMark: 4 }));
    await ticks();
    for (const piece of ['AAAA', 'BBBB', 'CCCC']) {
      peer.write(piece);
      await ticks();
    }
    expect(io.inBuf.toString()).toBe('AAAA');
    const also = h.observed(io.data$);
    const conversation$ = converse(io, function* (link) {
      return text(yield* link.read(12));
    });
    expect(await h.observed(conversation$).value()).toBe('AAAABBBBCCCC');
    h.sameBytes(also.values, 'AAAABBBBCCCC');
  });

  spec('unshifts unread bytes before those that arrived meanwhile', async (h) => {
    for (const end of ['returns', 'throws', 'is unsubscribed'] as const) {
      const { io, wire } = await scriptedStream(h);
      const proceed$ = new Subject<void>();
      const seen = h.observed(
        converse(io, function* (link) {
          yield* link.read(1);
          yield* link.wait(() => proceed$);
          if (end === 'throws') throw new Error('enough');
        }),
      );
      wire.emit(data('1 unread'));
      wire.emit(data(' and came'));
      if (end === 'is unsubscribed') seen.unsubscribe();
      else proceed$.next();
      expect(text(io.inBuf), end).toBe(' unread and came');
      expect(seen.state).toBe({ returns: 'complete', throws: 'error', 'is unsubscribed': 'unsubscribed' }[end]);
    }
  });
});
