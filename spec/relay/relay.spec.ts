import { once } from 'node:events';
import type { Socket } from 'node:net';
import { config, EMPTY, last, of } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import type { RelayError } from '../../src/relay/relay-error.ts';
import { relay } from '../../src/relay/relay.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { connect, ECLOSED, EOF, ETOWRITE, IOStream, IOStreamError } from 'rxjs-io-stream';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, pair, TRANSPORTS, type Transport } from '../support/loopback.ts';
import { closing, joined, owned, pattern, scripted, ticks, turns, unhandled, usedMiB, virtually, type Options } from '../stream/tools.ts';

/** A relay's two streams over real sockets, and the sockets of both peers. */
async function between(h: Harness, transport: Transport = 'TCP', options: Options = {}): Promise<Ends> {
  const [left, right] = [await pair(h, transport), await pair(h, transport)];
  const [a, b] = owned(h, new IOStream({ ...options, fh: left.near }), new IOStream({ ...options, fh: right.near }));
  return { a, b, A: left.far, B: right.far };
}
interface Ends {
  readonly a: IOStream;
  readonly b: IOStream;
  readonly A: Socket;
  readonly B: Socket;
}

/**
 * How it ends for a peer: the code of its error, or FIN. Node tells an end, too, when a reset follows upon the last bytes; the
 * kernel still knows, and a write asks it.
 */
function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket
      .on('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(code))
      .on('end', () => socket.write('', (error) => resolve((error as NodeJS.ErrnoException | undefined)?.code ?? 'FIN')))
      .resume();
  });
}

function inShort(error: unknown): string {
  const { side, code } = error as RelayError;
  return `${side} ${code}`;
}

function sided(h: Harness, error: unknown, side: 'a' | 'b', code: string): RelayError {
  h.error(error, { code });
  expect((error as RelayError).side).toBe(side);
  return error as RelayError;
}

describe('relay', () => {
  describe.each(TRANSPORTS)('over %s', (transport) => {
    spec('carries both directions at once, then completes with both streams closed', async (h) => {
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

    spec('passes on the end of one side, and the late answer of the other, in either order', async (h) => {
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

  spec('carries on what came before it was subscribed, and what came to a stream that is still opening', async (h) => {
    const { a, b, A, B } = await between(h);
    A.write('early ');
    await h.until(() => a.inBuf.length === 6);
    const early = h.observed(relay(a, b));
    const heard = allOf(B);
    A.end('late');
    B.end();
    h.sameBytes(await heard, 'early late');
    await early.ended;

    const [left, leftEnd] = memoryPair();
    const [right, rightEnd] = memoryPair({ latency: 20 });
    const [c, d, C, D] = owned(h, ...[left, right, leftEnd, rightEnd].map((wire) => new IOStream({ wire })));
    const seen = h.observed(relay(c!, d!));
    C!.end('at once');
    const got = h.observed(D!.data$);
    await got.ended;
    D!.end();
    h.sameBytes(got.values, 'at once');
    expect((await seen.ended).state).toBe('complete');
  });

  spec('carries on what a stream holds that has closed by itself before, and its end', async (h) => {
    for (const swapped of [false, true]) {
      const { a, b, A, B } = await between(h);
      A.end('hi');
      await closing(a);
      expect([a.state, a.inBuf.toString()]).toStrictEqual(['closed', 'hi']);
      const heard = allOf(B);
      const seen = h.observed(swapped ? relay(b, a) : relay(a, b));
      h.sameBytes(await heard, 'hi');
      expect(seen.state).toBe('open');
      B.end();
      expect((await seen.ended).state).toBe('complete');
      expect(seen.values.at(-1)).toStrictEqual(swapped ? { aToB: 0, bToA: 2 } : { aToB: 2, bToA: 0 });
    }
  });

  spec('fails when bytes come for a stream that has closed by itself before, and says what to do', async (h) => {
    const { a, b, A, B } = await between(h);
    A.end('hi');
    await closing(a);
    B.on('error', () => {});
    const seen = h.observed(relay(a, b));
    B.write('for nobody');
    const { message } = sided(h, (await seen.ended).error, 'a', ECLOSED);
    expect(message).toMatch(/allowHalfOpen: true/);
  });

  spec('completes with zeros when both end without a byte', async (h) => {
    const { a, b, A, B } = await between(h);
    const seen = h.observed(relay(a, b).pipe(last()));
    A.end();
    B.end();
    await seen.ended;
    expect(seen.values).toStrictEqual([{ aToB: 0, bToA: 0 }]);
  });

  spec('does nothing before it is subscribed', async (h) => {
    const [a, peer] = joined(h);
    const [b] = joined(h);
    relay(a, b);
    peer.write('x');
    await h.until(() => a.inBuf.length === 1);
  });

  it('reads no faster than the other side takes, and counts what has left', () => {
    const log = virtually(1_000_000, (v) => {
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

  spec('has flat memory when one side is slow: 128 MiB to a peer that stops now and then', async (h) => {
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
      // It stands still: nothing more is taken by anybody.
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

  spec('passes on 100,000 chunks that come in one tick and are answered from inside, on a flat stack', async (h) => {
    const [left, right] = [scripted(), scripted()];
    const [a, b] = owned(h, new IOStream({ wire: left.wire, timeouts: { write: 0 } }), new IOStream({ wire: right.wire }));
    const seen = h.observed(relay(a, b));
    await ticks();
    for (let each = 0; each < 100_000; each += 1) {
      left.up({ kind: 'data', bytes: Buffer.from('x') });
      right.up({ kind: 'sent', bytes: 1 });
    }
    await ticks();
    const given = right.down.reduce((sum, signal) => sum + (signal.kind === 'data' ? signal.bytes.length : 0), 0);
    expect(given).toBe(100_000);
    expect(seen.state).toBe('open');
  });

  spec('counts its own bytes only, when others write between them', async (h) => {
    const [a, A] = joined(h);
    const [b, B] = joined(h);
    b.write('before ');
    const seen = h.observed(relay(a, b));
    const heard = h.observed(B.data$);
    A.write('one ');
    await h.until(() => seen.values.at(-1)?.aToB === 4);
    b.write('between ');
    A.end('two');
    await heard.ended;
    B.end();
    await seen.ended;
    h.sameBytes(heard.values, 'before one between two');
    expect(seen.values.at(-1)).toStrictEqual({ aToB: 7, bToA: 0 });
  });

  spec('lets sends that were there before finish first', async (h) => {
    const [a, A] = joined(h);
    const [b, B] = joined(h);
    const sending = h.observed(b.send(['first ', 'second ']));
    const seen = h.observed(relay(a, b));
    const heard = h.observed(B.data$);
    A.end('third');
    await heard.ended;
    B.end();
    expect((await sending.ended).state).toBe('complete');
    expect((await seen.ended).state).toBe('complete');
    h.sameBytes(heard.values, 'first second third');
  });

  describe('that fails', () => {
    spec.each([
      ['a', 'A', 'B'],
      ['b', 'B', 'A'],
    ] as const)('because the peer of %s resets: resets the other one, and says which it was', async (h, side, rude, other) => {
      const ends = await between(h);
      const seen = h.observed(relay(ends.a, ends.b));
      const end = endOf(ends[other]);
      ends[other].write('x');
      await h.until(() => seen.values.length === 2);
      ends[rude].resetAndDestroy();
      expect(await end).toBe('ECONNRESET');
      const error = sided(h, (await seen.ended).error, side, 'ECONNRESET');
      expect(error.phase).toBe('read');
      expect(error.message).toBe(`stream ${side}: read ECONNRESET`);
      assert(error.cause instanceof IOStreamError);
      expect((await closing(ends[side])).by).toBe('error');
      const report = await closing(ends[side === 'a' ? 'b' : 'a']);
      expect([report.by, report.error]).toStrictEqual(['us', error]);
    });

    it('gives on what was read before the reset, then resets', () => {
      const log = virtually(100_000, (v) => {
        const [a, peerA] = v.joined();
        const [b, peerB] = v.joined({}, {}, { limit: 1000 });
        let got = 0;
        peerB.data$.subscribe({ next: (chunk) => (got += chunk.length), error: () => v.note(`${got} bytes at peer B, then an error`) });
        peerB.pause();
        relay(a, b).subscribe({ error: (error: unknown) => v.note(inShort(error)) });
        v.at(0, () => peerA.write(new Uint8Array(50_000)));
        v.at(10, () => peerA.reset());
        v.at(100, () => v.note(a.state));
        v.at(1000, () => peerB.resume());
      });
      expect(log).toStrictEqual(['100 closed', '1000 a ECONNRESET', '1000 50000 bytes at peer B, then an error']);
    });

    it('does not wait for ever to give it on: ETOWRITE of the other ends that, and the first error is the one told', () => {
      const log = virtually(100_000, (v) => {
        const [a, peerA] = v.joined();
        const [b, peerB] = v.joined({ timeouts: { write: 5000 } }, {}, { limit: 1000 });
        peerB.pause();
        v.watch(b, 'b');
        relay(a, b).subscribe({ error: (error: unknown) => v.note(inShort(error)) });
        v.at(0, () => peerA.write(new Uint8Array(50_000)));
        v.at(10, () => peerA.reset());
      });
      expect(log.filter((line) => line.includes('ETOWRITE')).length).toBe(1);
      expect(log.find((line) => line.includes('ECONNRESET')) ?? '').toMatch(/^50\d\d a ECONNRESET$/);
    });

    spec('after one side has ended: the error of either is told', async (h) => {
      for (const rude of ['A', 'B'] as const) {
        const ends = await between(h);
        const seen = h.observed(relay(ends.a, ends.b));
        const other = ends[rude === 'A' ? 'B' : 'A'];
        let code: string | undefined;
        other.on('error', (error: NodeJS.ErrnoException) => (code = error.code));
        const ended = once(ends.B, 'end');
        ends.B.resume();
        ends.A.end('all of it');
        await ended;
        ends[rude].resetAndDestroy();
        // Who has read the end finds out when it writes: our stream, and B.
        await h.until(() => {
          if (rude === 'A') ends.B.write('x');
          return seen.state !== 'open';
        });
        sided(h, (await seen.ended).error, rude === 'A' ? 'a' : 'b', rude === 'A' ? 'EPIPE' : 'ECONNRESET');
        await h.until(() => {
          if (rude === 'A') ends.B.write('x');
          return code !== undefined;
        });
        expect(code ?? '').toMatch(/^(ECONNRESET|EPIPE)$/);
      }
    });

    spec('because a stream cannot be dialled: resets the other', async (h) => {
      const { near, far } = await pair(h);
      const [a, b] = owned(h, new IOStream({ fh: near }), new IOStream({ host: '127.0.0.1', port: await deadPort() }));
      const seen = h.observed(relay(a, b));
      expect(await endOf(far)).toBe('ECONNRESET');
      expect(sided(h, (await seen.ended).error, 'b', 'ECONNREFUSED').phase).toBe('connect');
    });

    it('because a peer takes nothing: the error is ETOWRITE of that side', () => {
      const log = virtually(100_000, (v) => {
        const [a, peerA] = v.joined({}, { timeouts: { write: 0 } });
        const [b, peerB] = v.joined({ timeouts: { write: 5000 } }, {}, { limit: 1000 });
        peerB.pause();
        v.watch(peerA, 'peer A');
        relay(a, b).subscribe({ error: (error: unknown) => v.note(inShort(error)) });
        v.at(0, () => peerA.write(new Uint8Array(1_000_000)));
      });
      expect(log.map((line) => line.replace(/^5\d\d\d/, '5000'))).toStrictEqual([
        `5000 b ${ETOWRITE}`,
        '5000 peer A ECONNRESET',
        '5000 peer A closed by error',
      ]);
    });

    spec('because we close or reset a stream, or a signal does: both are reset', async (h) => {
      const abort = new AbortController();
      const ways: [(ends: Ends) => void, code: string | undefined][] = [
        [({ a }) => a.close(), ECLOSED],
        [({ a }) => a.reset(), ECLOSED],
        [({ a }) => a.output.error(new IOStreamError('EMINE', { phase: 'write' })), 'EMINE'],
        [() => abort.abort(), undefined],
      ];
      for (const [way, code] of ways) {
        const ends = await between(h, 'TCP', { signal: abort.signal });
        const seen = h.observed(relay(ends.a, ends.b));
        const [atA, atB] = [endOf(ends.A), endOf(ends.B)];
        ends.A.write('x');
        await h.until(() => seen.values.length === 2);
        way(ends);
        expect([await atA, await atB]).toStrictEqual(['ECONNRESET', 'ECONNRESET']);
        const { error } = await seen.ended;
        if (code === undefined) expect((error as Error).name).toBe('AbortError');
        else sided(h, error, 'a', code);
      }
    });

    spec('because we ended a stream for which bytes come: ECLOSED', async (h) => {
      const { a, b, A } = await between(h);
      const seen = h.observed(relay(a, b));
      b.end();
      A.write('x');
      sided(h, (await seen.ended).error, 'b', ECLOSED);
    });

    spec('because a stream was closed before: resets the other', async (h) => {
      const { a, b, B } = await between(h);
      const end = endOf(B);
      a.reset();
      sided(h, (await h.observed(relay(a, b)).ended).error, 'a', ECLOSED);
      expect(await end).toBe('ECONNRESET');
      const refused = new IOStream({ host: '127.0.0.1', port: await deadPort() });
      refused.errors$.subscribe();
      await closing(refused);
      const other = await between(h);
      sided(h, (await h.observed(relay(other.a, refused)).ended).error, 'b', 'ECONNREFUSED');
    });
  });

  spec('resets both when it is unsubscribed, also under connect', async (h) => {
    const { a, b, A, B } = await between(h);
    const [atA, atB] = [endOf(A), endOf(B)];
    const seen = h.observed(relay(a, b));
    A.write('x');
    await h.until(() => seen.values.length === 2);
    seen.unsubscribe();
    expect([await atA, await atB]).toStrictEqual(['ECONNRESET', 'ECONNRESET']);

    const left = await pair(h);
    const right = await pair(h);
    const [c] = owned(h, new IOStream({ fh: left.near }));
    const ends = [endOf(left.far), endOf(right.far)];
    let open: IOStream | undefined;
    const joined$ = connect({ fh: right.near, plugin: { none: (wire) => wire } });
    const subscription = joined$.subscribe((d) => {
      open = d;
      // What `switchMap` does: the inner one is let go after the outer one.
      subscription.add(relay(c, d).subscribe({ error: () => {} }));
    });
    await h.until(() => open !== undefined);
    left.far.write('x');
    await h.until(() => open?.outBytes === 1);
    subscription.unsubscribe();
    expect(await Promise.all(ends)).toStrictEqual(['ECONNRESET', 'ECONNRESET']);
  });

  spec('leaves no error of its streams unhandled, and tells subscribers of data$ what happened', async (h) => {
    const lost = unhandled(h);
    const { a, b, A } = await between(h);
    const watching = h.observed(b.data$);
    const seen = h.observed(relay(a, b));
    A.resetAndDestroy();
    await seen.ended;
    expect((await watching.ended).error).toBe(seen.error);
    await turns();
    expect(lost).toStrictEqual([]);
    assert(config.onUnhandledError);
  });

  spec('reads as consume does: one at a time, and touches nothing if it cannot', async (h) => {
    for (const taken of [0, 1]) {
      const [a] = joined(h);
      const [b] = joined(h);
      const reading = h.observed([a, b][taken]!.consume(() => EMPTY));
      const { error } = await h.observed(relay(a, b)).ended;
      assert(error instanceof TypeError);
      expect(error.message).toMatch(new RegExp(`^expected \`${'ab'[taken]}\` to have no other reader`));
      await turns();
      expect([a.state, b.state, reading.state]).toStrictEqual(['open', 'open', 'open']);
      expect(h.observed([b, a][taken]!.consume(() => of(1))).state).toBe('open');
    }
  });

  it('refuses anything but two streams', () => {
    const io = new IOStream({ wire: scripted().wire });
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
