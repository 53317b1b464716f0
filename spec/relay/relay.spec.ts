import { once } from 'node:events';
import { EMPTY, last, of } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import { relay } from '../../src/relay/relay.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { connect, ECLOSED, EOF, IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { allOf, pair, TRANSPORTS } from '../support/loopback.ts';
import { closedReport, streamPair, resetAtEnd, pattern, scriptedStream, ticks, turns, usedMiB, inVirtualTime } from '../stream/tools.ts';
import { between, endOf, expectSide } from './relay-tools.ts';

describe('relay', () => {
  describe.each(TRANSPORTS)('over %s', (transport) => {
    spec('carries both directions at once, and completes with both streams closed', async (h) => {
      for (const options of [{}, { allowHalfOpen: true }, { waitFor: EOF }]) {
        const { a, b, A, B } = await between(h, transport, options);
        const seen = h.observed(relay(a, b));
        const [there, back] = [pattern(3_000_000, 1), pattern(2_000_001, 2)];
        const [atA, atB] = [allOf(A), allOf(B)];
        A.end(there);
        B.end(back);
        h.sameBytes(await atB, there);
        h.sameBytes(await atA, back);
        expect((await seen.ended).state).toBe('complete');
        expect([a.state, b.state]).toStrictEqual(['closed', 'closed']);
        expect([seen.values[0], seen.values.at(-1)]).toStrictEqual([
          { aToB: 0, bToA: 0 },
          { aToB: there.length, bToA: back.length },
        ]);
      }
    });

    spec('forwards the end of one side, and the late answer of the other', async (h) => {
      for (const swapped of [false, true]) {
        const { a, b, A, B } = await between(h, transport);
        const seen = h.observed(swapped ? relay(b, a) : relay(a, b));
        const answer = allOf(A);
        A.end('question');
        h.sameBytes(await allOf(B), 'question');
        await turns();
        expect(seen.state).toBe('open');
        B.write('late ');
        await turns();
        B.end('answer');
        h.sameBytes(await answer, 'late answer');
        expect((await seen.ended).state).toBe('complete');
      }
    });
  });

  spec('forwards bytes that arrived before the subscription, and waits for a stream that is opening', async (h) => {
    const { a, b, A, B } = await between(h);
    A.write('early ');
    await h.until(() => a.inBuf.length === 6);
    const early = h.observed(relay(a, b));
    const received = allOf(B);
    A.end('late');
    B.end();
    h.sameBytes(await received, 'early late');
    await early.ended;

    const [left, leftEnd] = memoryPair();
    const [right, rightEnd] = memoryPair({ latency: 20 });
    const [c, d, C, D] = resetAtEnd(h, ...[left, right, leftEnd, rightEnd].map((wire) => new IOStream({ wire })));
    const seen = h.observed(relay(c!, d!));
    C!.end('at once');
    const got = h.observed(D!.data$);
    await got.ended;
    D!.end();
    h.sameBytes(got.values, 'at once');
    expect((await seen.ended).state).toBe('complete');
  });

  spec('forwards the buffered bytes and the end of a stream that has already closed after its peer', async (h) => {
    for (const swapped of [false, true]) {
      const { a, b, A, B } = await between(h);
      A.end('hi');
      await closedReport(a);
      expect([a.state, a.inBuf.toString()]).toStrictEqual(['closed', 'hi']);
      const received = allOf(B);
      const seen = h.observed(swapped ? relay(b, a) : relay(a, b));
      h.sameBytes(await received, 'hi');
      expect(seen.state).toBe('open');
      B.end();
      expect((await seen.ended).state).toBe('complete');
      expect(seen.values.at(-1)).toStrictEqual(swapped ? { aToB: 0, bToA: 2 } : { aToB: 2, bToA: 0 });
    }
  });

  spec('fails with a hint to allowHalfOpen when bytes arrive for a stream that has already closed after its peer', async (h) => {
    const { a, b, A, B } = await between(h);
    A.end('hi');
    await closedReport(a);
    B.on('error', () => {});
    const seen = h.observed(relay(a, b));
    B.write('bytes');
    const { message } = expectSide(h, (await seen.ended).error, 'a', ECLOSED);
    expect(message).toMatch(/allowHalfOpen: true/);
  });

  spec('completes with zeros if both sides end without a byte', async (h) => {
    const { a, b, A, B } = await between(h);
    const seen = h.observed(relay(a, b).pipe(last()));
    A.end();
    B.end();
    await seen.ended;
    expect(seen.values).toStrictEqual([{ aToB: 0, bToA: 0 }]);
  });

  spec('reads nothing before the subscription', async (h) => {
    const [a, peer] = streamPair(h);
    const [b] = streamPair(h);
    relay(a, b);
    peer.write('x');
    await h.until(() => a.inBuf.length === 1);
  });

  it('reads no faster than the other side accepts, and counts sent bytes', () => {
    const log = inVirtualTime(1_000_000, (v) => {
      const [a, peerA] = v.joined({}, { timeouts: { write: 0 } });
      const [b, peerB] = v.joined({ timeouts: { write: 0 } }, { highWaterMark: 1000 }, { bandwidth: 1000, limit: 1000 });
      let [aToB, got] = [0, 0];
      relay(a, b).subscribe({ next: (progress) => ({ aToB } = progress), error: () => {} });
      peerB.data$.subscribe((chunk) => (got += chunk.length));
      for (let each = 0; each < 1000; each += 1) v.at(each, () => peerA.write(new Uint8Array(1000)));
      v.at(100_500, () => {
        const ahead = a.inBytes - aToB;
        v.note(`${got > 0 && got <= 100_500} ${aToB === got} ${ahead < 300_000} ${peerA.output.pending > 500_000}`);
      });
    });
    expect(log).toStrictEqual(['100500 true true true true']);
  });

  spec('keeps memory flat if one side is slow: 128 MiB to a peer that pauses', async (h) => {
    const { a, b, A, B } = await between(h);
    const seen = h.observed(relay(a, b).pipe(last()));
    const size = 128 * 2 ** 20;
    const piece = Buffer.alloc(65_536, 1);
    let unsent = size;
    const feed = (): void => {
      let more = true;
      while (more && unsent > 0) {
        unsent -= piece.length;
        more = A.write(piece);
      }
      if (unsent === 0) A.end();
    };
    A.on('drain', feed).resume();
    const before = usedMiB();
    let [got, most, stops] = [0, 0, 0];
    B.on('data', ({ length }: Buffer) => {
      got += length;
      if (got < (stops + 1) * 16 * 2 ** 20) return;
      stops += 1;
      B.pause();
      // Wait until no more bytes are read.
      const look = (last: number, still: number): void => {
        if (still < 20) setImmediate(() => look(a.inBytes, a.inBytes === last ? still + 1 : 0));
        else {
          most = Math.max(most, usedMiB() - before);
          assert(a.inBuf.length + b.output.pending <= 3 * 65_536, `${a.inBuf.length} and ${b.output.pending} bytes wait`);
          B.resume();
        }
      };
      look(-1, 0);
    });
    feed();
    await once(B, 'end');
    B.end();
    await seen.ended;
    console.log(`memory: 128 MiB through a relay with ${stops} stops: ${most.toFixed(1)} MiB`);
    expect([got, seen.values]).toStrictEqual([size, [{ aToB: size, bToA: 0 }]]);
    assert(stops >= 7 && most < 16, `${stops} stops, ${most} MiB`);
  });

  spec('forwards 100,000 chunks of one tick without growing the stack', async (h) => {
    const [left, right] = [scriptedStream(), scriptedStream()];
    const [a, b] = resetAtEnd(h, new IOStream({ wire: left.wire, timeouts: { write: 0 } }), new IOStream({ wire: right.wire }));
    const seen = h.observed(relay(a, b));
    await ticks();
    for (let each = 0; each < 100_000; each += 1) {
      left.up({ kind: 'data', bytes: Buffer.from('x') });
      right.up({ kind: 'sent', bytes: 1 });
    }
    await ticks();
    const written = right.down.reduce((sum, signal) => sum + (signal.kind === 'data' ? signal.bytes.length : 0), 0);
    expect(written).toBe(100_000);
    expect(seen.state).toBe('open');
  });

  spec('counts only its own bytes if other code writes between them', async (h) => {
    const [a, A] = streamPair(h);
    const [b, B] = streamPair(h);
    b.write('before ');
    const seen = h.observed(relay(a, b));
    const received = h.observed(B.data$);
    A.write('one ');
    await h.until(() => seen.values.at(-1)?.aToB === 4);
    b.write('between ');
    A.end('two');
    await received.ended;
    B.end();
    await seen.ended;
    h.sameBytes(received.values, 'before one between two');
    expect(seen.values.at(-1)).toStrictEqual({ aToB: 7, bToA: 0 });
  });

  spec('starts after earlier sends have finished', async (h) => {
    const [a, A] = streamPair(h);
    const [b, B] = streamPair(h);
    const sending = h.observed(b.send(['first ', 'second ']));
    const seen = h.observed(relay(a, b));
    const received = h.observed(B.data$);
    A.end('third');
    await received.ended;
    B.end();
    expect((await sending.ended).state).toBe('complete');
    expect((await seen.ended).state).toBe('complete');
    h.sameBytes(received.values, 'first second third');
  });

  spec('resets both streams when it is unsubscribed, also inside connect', async (h) => {
    const { a, b, A, B } = await between(h);
    const [atA, atB] = [endOf(A), endOf(B)];
    const seen = h.observed(relay(a, b));
    A.write('x');
    await h.until(() => seen.values.length === 2);
    seen.unsubscribe();
    expect([await atA, await atB]).toStrictEqual(['ECONNRESET', 'ECONNRESET']);

    const left = await pair(h);
    const right = await pair(h);
    const [c] = resetAtEnd(h, new IOStream({ fh: left.near }));
    const ends = [endOf(left.far), endOf(right.far)];
    let open: IOStream | undefined;
    const joined$ = connect({ fh: right.near, plugin: { none: (wire) => wire } });
    const subscription = joined$.subscribe((d) => {
      open = d;
      // As in `switchMap`, the inner subscription ends after the outer one.
      subscription.add(relay(c, d).subscribe({ error: () => {} }));
    });
    await h.until(() => open !== undefined);
    left.far.write('x');
    await h.until(() => open?.outBytes === 1);
    subscription.unsubscribe();
    expect(await Promise.all(ends)).toStrictEqual(['ECONNRESET', 'ECONNRESET']);
  });

  spec('fails with a TypeError if a stream has another reader, and leaves both streams open', async (h) => {
    for (const taken of [0, 1]) {
      const [a] = streamPair(h);
      const [b] = streamPair(h);
      const reading = h.observed([a, b][taken]!.consume(() => EMPTY));
      const { error } = await h.observed(relay(a, b)).ended;
      assert(error instanceof TypeError);
      expect(error.message).toMatch(new RegExp(`^expected \`${'ab'[taken]}\` to have no other reader`));
      await turns();
      expect([a.state, b.state, reading.state]).toStrictEqual(['open', 'open', 'open']);
      expect(h.observed([b, a][taken]!.consume(() => of(1))).state).toBe('open');
    }
  });

  it('throws a TypeError unless it gets two streams', () => {
    const io = new IOStream({ wire: scriptedStream().wire });
    const wrong = relay as (a: unknown, b: unknown) => unknown;
    expect(() => wrong(io, io)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^expected two streams/) }),
    );
    expect(() => wrong(io, {})).toThrow(
      expect.objectContaining({ name: 'TypeError', message: 'expected `b` to be an IOStream, got an object (Object)' }),
    );
    expect(() => wrong(undefined, io)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: 'expected `a` to be an IOStream, got undefined' }),
    );
    io.reset();
  });
});
