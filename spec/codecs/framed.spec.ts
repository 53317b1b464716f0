import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import {
  concatMap,
  delay,
  EMPTY,
  finalize,
  firstValueFrom,
  map,
  mergeMap,
  NEVER,
  Observable,
  of,
  Subject,
  take,
  tap,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { describe, it } from 'vitest';
import type { Codec } from '../../src/codecs/codec.ts';
import { framed } from '../../src/codecs/framed.ts';
import { lengthPrefixed } from '../../src/codecs/length-prefixed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { mapCodec } from '../../src/codecs/map-codec.ts';
import { parse } from '../../src/codecs/parse.ts';
import { EFRAMELIMIT, EOUTBUFLIMIT, EPROTOCOL } from '../../src/errors.ts';
import { EOF } from '../../src/events.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { invariants } from '../support/harness.ts';
import { closing, joined, pattern, scripted, ticks, turns, unhandled, usedMiB, owned, dialled } from '../stream/tools.ts';
import { connect } from '../../src/stream/connect.ts';
import { IOStream } from '../../src/stream/io-stream.ts';

const codec = lines({ maxLength: 64 });

/** Messages of two bytes; says when a decoder is freed, or through with a message. */
const pairs = (freed: () => void): Codec<Uint8Array> =>
  parse(
    function* (link) {
      try {
        return yield* link.read(2);
      } finally {
        freed();
      }
    },
    { maxLength: 2 },
  );

describe('framed', () => {
  it(
    'carries messages both ways, to the end',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const [left, right] = [framed(a, codec), framed(b, codec)];
      const seen = [h.observed(left.messages$), h.observed(right.messages$)] as const;
      assert.equal(left.write('one'), true);
      left.write('two');
      right.write('three');
      await seen[0].value();
      a.end();
      b.end();
      assert.equal((await seen[0].ended).state, 'complete');
      assert.equal((await seen[1].ended).state, 'complete');
      assert.deepEqual(
        seen.map(({ values }) => values),
        [['three'], ['one', 'two']],
      );
    }),
  );

  it(
    'works over sockets, and while the stream is still opening',
    invariants(async (h) => {
      const { io, socket } = await dialled(h, {}, (peer) => peer.pipe(peer));
      const { messages$, write } = framed(io, lengthPrefixed({ maxLength: 2 ** 20 }));
      const payload = pattern(2 ** 20);
      const seen = h.observed(messages$);
      for (let each = 0; each < 8; each += 1) write(payload);
      await h.until(() => seen.values.length === 8, 'all messages');
      for (const frame of seen.values) h.sameBytes(frame, payload);
      io.end();
      await seen.ended;
      socket.destroy();
    }),
  );

  it(
    'gives all subscribers of a tick the same, and nothing before one comes',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { messages$ } = framed(b, codec);
      a.write('one\ntwo\n');
      await h.until(() => b.inBuf.length === 8, 'the bytes wait');
      const seen = [h.observed(messages$), h.observed(messages$)];
      assert.deepEqual(seen[0]?.values, []);
      a.end();
      for (const each of seen) assert.deepEqual((await each.ended).values, ['one', 'two']);
    }),
  );

  it(
    'keeps what one subscriber leaves for the next, a frame that has begun too',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { messages$ } = framed(b, codec);
      a.write('one\ntwo\nthr');
      assert.equal(await firstValueFrom(messages$), 'one');
      assert.equal(await firstValueFrom(messages$), 'two');
      a.end('ee\nfour\n');
      assert.deepEqual(await firstValueFrom(messages$.pipe(take(1), toArray())), ['three']);
      assert.deepEqual(await firstValueFrom(messages$.pipe(toArray())), ['four']);
      assert.deepEqual(await firstValueFrom(messages$.pipe(toArray())), []);
    }),
  );

  it(
    'stops reading when nobody takes messages any more',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { messages$ } = framed(b, codec);
      a.write('one\n');
      await firstValueFrom(messages$);
      a.write('two\n');
      await h.until(() => b.inBuf.length > 0, 'the bytes wait');
      assert.equal(String(b.inBuf), 'two\n');
    }),
  );

  it(
    'handles message after message, and holds the peer meanwhile',
    invariants(async (h) => {
      const [a, b] = joined(h, { highWaterMark: 1024 }, { highWaterMark: 1024 }, { limit: 4096 });
      const gate = new Subject<void>();
      let active = 0;
      const seen = h.observed(
        framed(b, codec).consume((message) => {
          active += 1;
          assert.equal(active, 1);
          return gate.pipe(
            take(1),
            concatMap(() => {
              active -= 1;
              return [message];
            }),
          );
        }),
      );
      const sent = Array.from({ length: 20_000 }, (_, each) => `message ${each}`);
      const chunks = Array.from({ length: 200 }, (_, each) => `${sent.slice(each * 100, each * 100 + 100).join('\n')}\n`);
      const sending = h.observed(a.send(chunks));
      await turns(50);
      // What is on its way in memory, what is read ahead, and the chunk in hand.
      assert.ok(b.inBytes < 16_384, `read ${b.inBytes}`);
      void sending.ended.then(() => a.end());
      while (seen.state === 'open') {
        gate.next();
        if (active === 0) await turns(1);
      }
      assert.deepEqual(seen.values, sent);
      assert.equal(seen.state, 'complete');
    }),
  );

  it(
    'handles 100,000 messages of one chunk on a flat stack, and lets messages$ watch',
    invariants(async (h) => {
      const { wire, up } = scripted();
      const [io] = owned(h, new IOStream({ wire }));
      const { consume, messages$ } = framed(io, codec);
      const depths = new Set<number>();
      let [handled, watched] = [0, 0];
      h.observed(
        consume(() => {
          handled += 1;
          if (handled % 10_000 === 2) depths.add((new Error().stack ?? '').split('\n').length);
          return EMPTY;
        }),
      );
      const watcher = messages$.subscribe(() => (watched += 1));
      await ticks();
      up({ kind: 'data', bytes: Buffer.from('\n'.repeat(100_000)) });
      await ticks();
      assert.deepEqual([handled, watched, depths.size], [100_000, 100_000, 1]);
      watcher.unsubscribe();
    }),
  );

  it(
    'handles so many messages at the same time as it is told, begun in order, and ends when all have',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const inners = Array.from({ length: 5 }, () => new Subject<string>());
      const begun: string[] = [];
      const handle = (message: string): Subject<string> => inners[begun.push(message) - 1]!;
      const seen = h.observed(framed(b, codec).consume(handle, { concurrency: 2 }));
      a.end('a\nb\nc\nd\ne\n');
      await h.until(() => begun.length > 0);
      await ticks();
      assert.deepEqual(begun, ['a', 'b']);
      inners[1]?.next('B');
      inners[1]?.complete();
      assert.deepEqual(begun, ['a', 'b', 'c']);
      for (const each of [2, 3]) inners[each]?.complete();
      assert.deepEqual(begun, ['a', 'b', 'c', 'd', 'e']);
      inners[4]?.complete();
      await ticks();
      assert.deepEqual([seen.state, seen.values], ['open', ['B']]);
      inners[0]?.complete();
      assert.equal((await seen.ended).state, 'complete');
      assert.throws(() => framed(b, codec).consume(() => EMPTY, { concurrency: 0 }), TypeError);
    }),
  );

  it(
    'refuses a second consumer, and one beside another reader of the bytes',
    invariants(async (h) => {
      const [, b] = joined(h);
      const { consume, messages$ } = framed(b, codec);
      const first = h.observed(consume(() => EMPTY));
      const second = await h.observed(consume(() => EMPTY)).ended;
      assert.ok(second.error instanceof TypeError);
      assert.ok((await h.observed(b.consume(() => EMPTY)).ended).error instanceof TypeError);
      first.unsubscribe();
      h.observed(b.consume(() => EMPTY));
      for (const each$ of [messages$, consume(() => EMPTY)]) assert.ok((await h.observed(each$).ended).error instanceof TypeError);
    }),
  );

  it(
    'goes on with messages$ when a consumer that held it up leaves',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { consume, messages$ } = framed(b, codec);
      const consumer = h.observed(consume(() => NEVER));
      const watcher = h.observed(messages$);
      a.write('one\ntwo\nthree\n');
      await watcher.value();
      await ticks();
      assert.deepEqual(watcher.values, ['one']);
      consumer.unsubscribe();
      await ticks();
      assert.deepEqual(watcher.values, ['one', 'two', 'three']);
    }),
  );

  it(
    'passes on what a handler throws or its Observable errors with, and the stream goes on',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { consume, messages$ } = framed(b, codec);
      const why = new Error('why');
      a.write('one\ntwo\nthree\n');
      const boom = (): never => {
        throw why;
      };
      assert.equal((await h.observed(consume(boom)).ended).error, why);
      assert.equal((await h.observed(consume(() => throwError(() => why))).ended).error, why);
      assert.equal(await firstValueFrom(messages$), 'three');
      assert.equal(b.state, 'open');
    }),
  );

  for (const [what, bytes, code] of [
    ['a frame over the limit', `one\n${'x'.repeat(70)}\n`, EFRAMELIMIT],
    ['a frame cut off', 'one\ntw', EPROTOCOL],
  ] as const)
    it(
      `errors and closes the stream with that error, after all messages before it: ${what}`,
      invariants(async (h) => {
        const [a, b] = joined(h);
        const reported = unhandled(h);
        a.errors$.subscribe(); // Its other end is reset.
        const seen = h.observed(framed(b, codec).messages$);
        a.end(bytes);
        const { error, values } = await seen.ended;
        h.error(error, { code, phase: 'read', fatal: true });
        assert.deepEqual(values, ['one']);
        const report = await closing(b);
        assert.equal(report.by, 'error');
        assert.equal(report.error, error);
        await turns();
        assert.deepEqual(reported, []);
      }),
    );

  it(
    'tells cb and errors$ of the error, too; with isFatal the stream stays open',
    invariants(async (h) => {
      const cb = h.cb();
      const [a, b] = joined(h, {}, { cb, isFatal: () => false });
      const { messages$, write } = framed(b, codec);
      const answers = h.observed(framed(a, codec).messages$);
      const seen = h.observed(messages$);
      a.write('x'.repeat(70));
      h.error((await seen.ended).error, { code: EFRAMELIMIT });
      assert.deepEqual(
        cb.calls.filter(({ error }) => error).map(({ error }) => error),
        [seen.error],
      );
      assert.equal(write('too long'), true);
      assert.equal(await answers.value(), 'too long');
    }),
  );

  it(
    'ends with the error of the stream, after all messages before it',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const seen = h.observed(framed(b, codec).messages$);
      a.write('one\ntw');
      await seen.value();
      a.reset();
      const { error, values } = await seen.ended;
      h.error(error, { code: 'ECONNRESET' });
      assert.deepEqual(values, ['one']);
    }),
  );

  it(
    'emits no end to readers when the owner of the stream unsubscribes',
    invariants(async (h) => {
      const [near, far] = memoryPair();
      const [peer] = owned(h, new IOStream({ wire: far }));
      const connection = h.observed(connect({ wire: near }));
      const { messages$, consume } = framed(await connection.value(), codec);
      const readers = [h.observed(messages$.pipe(toArray())), h.observed(consume(() => EMPTY).pipe(toArray()))];
      peer.write('one\ntw');
      await h.until(() => peer.output.pending === 0);
      await ticks();
      connection.unsubscribe();
      peer.end();
      await closing(peer);
      await turns();
      for (const { state, values } of readers) assert.deepEqual([state, values], ['open', []]);
    }),
  );

  it(
    'claims the bytes only while it is subscribed',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { messages$, consume } = framed(b, codec);
      for (const each$ of [messages$, consume(() => NEVER)]) {
        h.observed(each$).unsubscribe();
        a.write('one\n');
        assert.equal(String(await firstValueFrom(b.consume((bytes) => [bytes]))), 'one\n');
      }
    }),
  );

  it(
    'completes when we close, in the midst of a frame too',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const seen = h.observed(framed(b, codec).messages$);
      a.write('one\ntw');
      await seen.value();
      b.close();
      assert.equal((await seen.ended).state, 'complete');
      assert.equal((await closing(b)).by, 'us');
    }),
  );

  it(
    'gives nothing more when we close from inside next, or while a consumer waits',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const [left, right] = [framed(a, codec), framed(b, codec)];
      left.write('one');
      left.write('two');
      right.write('three');
      right.write('four');
      const seen: string[] = [];
      right.messages$.subscribe((message) => {
        seen.push(message);
        b.close();
      });
      const gate = new Subject<void>();
      const handled: string[] = [];
      const consumed = h.observed(
        left.consume((message) => {
          handled.push(message);
          return gate;
        }),
      );
      await h.until(() => seen.length > 0 && handled.length > 0, 'both have the first');
      a.close();
      gate.complete();
      assert.equal((await consumed.ended).state, 'complete');
      assert.deepEqual([seen, handled], [['one'], ['three']]);
    }),
  );

  it(
    'frees the decoder when the stream ends',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const log: string[] = [];
      const tidy = pairs(() => log.push('tidied'));
      const seen = h.observed(framed(b, tidy).messages$);
      a.write('123');
      await seen.value();
      b.close();
      await seen.ended;
      assert.deepEqual(log, ['tidied', 'tidied']);
    }),
  );

  for (const [how, end] of [
    ['our close', (_, b) => b.close()],
    ['our reset', (_, b) => b.reset()],
    ['the end of the peer', (a) => a.end()],
    ['an error', (a) => a.reset()],
  ] as [string, (a: IOStream, b: IOStream) => void][])
    it(
      `frees the encoder, and the decoder in the midst of a frame, when nobody listens any more: ${how}`,
      invariants(async (h) => {
        const [a, b] = joined(h);
        unhandled(h);
        for (const io of [a, b]) io.errors$.subscribe();
        const log: string[] = [];
        const tidy = pairs(() => log.push('decoder'));
        const encode: Codec<Uint8Array, Uint8Array>['encode'] = () => (message$) => message$.pipe(finalize(() => log.push('encoder')));
        const { messages$, write } = framed(b, { decode: tidy.decode, encode });
        write(Uint8Array.of(1));
        const seen = h.observed(messages$);
        a.write('123');
        await seen.value();
        seen.unsubscribe();
        await ticks();
        assert.deepEqual(log, ['decoder']);
        end(a, b);
        await closing(b);
        assert.deepEqual(log.toSorted(), ['decoder', 'decoder', 'encoder']);
      }),
    );

  it(
    'gives all messages before an end that comes from inside next',
    invariants(async (h) => {
      const { wire, up } = scripted();
      const [io] = owned(h, new IOStream({ wire }));
      io.errors$.subscribe();
      const { messages$ } = framed(io, codec);
      const seen = h.observed(messages$.pipe(tap((line) => line === 'one' && up({ kind: 'end' }))));
      await ticks();
      up({ kind: 'data', bytes: Buffer.from('one\ntwo\nthr') });
      h.error((await seen.ended).error, { code: EPROTOCOL });
      assert.deepEqual(seen.values, ['one', 'two']);
    }),
  );

  it(
    'calls a frame cut off also when it is read after the stream has closed',
    invariants(async (h) => {
      const [a, b] = joined(h);
      a.end('one\ntw');
      await closing(b);
      const { error, values } = await h.observed(framed(b, codec).messages$).ended;
      h.error(error, { code: EPROTOCOL });
      assert.deepEqual(values, ['one']);
    }),
  );

  it(
    'throws what a message cannot be encoded for, writes nothing of it, and goes on',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { write } = framed(a, codec);
      const errors = h.observed(a.errors$);
      const seen = h.observed(framed(b, codec).messages$);
      assert.equal(write('one'), true);
      for (const [message, code] of [
        ['x'.repeat(65), EFRAMELIMIT],
        ['t\nwo', EPROTOCOL],
        [Symbol('two'), EPROTOCOL],
      ] as const)
        h.error(
          caught(() => write(message as never)),
          { code, phase: 'write', fatal: false },
        );
      assert.equal(write('three'), true);
      a.end();
      assert.deepEqual((await seen.ended).values, ['one', 'three']);
      assert.deepEqual((await errors.ended).values, []);
    }),
  );

  it(
    'throws the error of a codec of your own as it is, or as the cause',
    invariants((h) => {
      const [a] = joined(h);
      const why = new Error('why');
      const boom = (): never => {
        throw why;
      };
      const encode: Codec<string>['encode'] = () => map(boom);
      const error = caught(() => framed<string>(a, { decode: codec.decode, encode }).write('one'));
      h.error(error, { code: EPROTOCOL, phase: 'write', fatal: false });
      assert.equal((error as Error).cause, why);
      assert.equal(
        caught(() => framed<string>(a, { decode: codec.decode, encode: boom }).write('one')),
        why,
      );
      assert.equal(a.state, 'opening');
    }),
  );

  it(
    'returns false once the stream is closed, and encodes nothing',
    invariants(async (h) => {
      const [a, b] = joined(h);
      b.errors$.subscribe(); // It is reset.
      const { write } = framed(a, codec);
      a.close();
      assert.equal(write('t\nwo'), false);
      await closing(a);
    }),
  );

  it(
    'writes a message whole or not at all, in however many pieces it is encoded',
    invariants(async (h) => {
      const inPieces: Codec<string> = {
        decode: codec.decode,
        encode: () => (message$) => message$.pipe(mergeMap((message) => `${message}\n`.split('').map((each) => Buffer.from(each)))),
      };
      const [a, b] = joined(h, { outBufLimit: 4, isFatal: () => false });
      const errors = h.observed(a.errors$);
      const { write } = framed(a, inPieces);
      const seen = h.observed(framed(b, codec).messages$);
      assert.deepEqual([write('on'), write('two'), write('no')], [true, false, false]);
      await seen.value((line) => line === 'two');
      h.error(await errors.value(), { code: EOUTBUFLIMIT });
      await h.until(() => a.output.pending === 0);
      assert.equal(write('th'), true);
      a.end();
      assert.deepEqual((await seen.ended).values, ['on', 'two', 'th']);
    }),
  );

  it(
    'throws each time that an encoder completes, and returns false where that closes the stream',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const seen = h.observed(framed(b, codec).messages$);
      await h.until(() => a.state === 'open');
      const first = framed(a, { decode: codec.decode, encode: () => (message$) => message$.pipe(take(2), codec.encode()) });
      assert.equal(first.write('one'), true);
      h.error(
        caught(() => first.write('two')),
        { code: EPROTOCOL, phase: 'write', fatal: false },
      );
      const never = framed<string>(a, { decode: codec.decode, encode: () => () => EMPTY });
      for (let each = 1; each <= 2; each += 1)
        h.error(
          caught(() => never.write('one')),
          { code: EPROTOCOL, phase: 'write' },
        );
      const closes = framed<string>(a, {
        decode: codec.decode,
        encode: () => (message$) =>
          message$.pipe(
            tap(() => a.close()),
            codec.encode(),
          ),
      });
      assert.equal(closes.write('one'), false);
      assert.deepEqual((await seen.ended).values, ['one']);
    }),
  );

  it(
    'closes the stream with the error of an encoder that fails later: its messages are lost',
    invariants(async (h) => {
      const [a, b] = joined(h);
      b.errors$.subscribe(); // It is reset.
      const errors = h.observed(a.errors$);
      const late: Codec<string>['encode'] = () => (message$) => message$.pipe(delay(1), codec.encode());
      assert.equal(framed<string>(a, { decode: codec.decode, encode: late }).write('t\nwo'), true);
      h.error(await errors.value(), { code: EPROTOCOL, phase: 'write' });
      assert.equal((await closing(a)).by, 'error');
    }),
  );

  it(
    'writes what is encoded later, too',
    invariants(async (h) => {
      const late: Codec<string> = { decode: codec.decode, encode: () => (message$) => message$.pipe(delay(1), codec.encode()) };
      const [a, b] = joined(h);
      const { write } = framed(a, late);
      const seen = h.observed(framed(b, codec).messages$);
      assert.equal(write('one'), true);
      assert.equal(await seen.value(), 'one');
    }),
  );

  it(
    'has the encoder keep its state for the connection',
    invariants(async (h) => {
      const counting: Codec<string> = {
        decode: codec.decode,
        encode: () => (message$) => message$.pipe(numbered(), codec.encode()),
      };
      const [a, b] = joined(h);
      const { write } = framed(a, counting);
      const seen = h.observed(framed(b, codec).messages$);
      for (const each of ['a', 'b']) write(each);
      a.end();
      assert.deepEqual((await seen.ended).values, ['1 a', '2 b']);
    }),
  );

  it(
    'takes a codec that decodes later',
    invariants(async (h) => {
      const late: Codec<string> = {
        encode: codec.encode,
        decode: () => (bytes$) =>
          bytes$.pipe(
            codec.decode(),
            concatMap((line) => of(line).pipe(delay(1))),
          ),
      };
      const [a, b] = joined(h);
      const seen = h.observed(framed(b, late).consume((line) => timer(1).pipe(concatMap(() => [line]))));
      a.end('one\ntwo\n');
      const { state, values } = await seen.ended;
      assert.deepEqual([state, values], ['complete', ['one', 'two']]);
    }),
  );

  it(
    'keeps the manual mode: messages count as waiting for IN',
    invariants(async (h) => {
      const cb = h.cb();
      const [a, b] = joined(h, {}, { waitFor: EOF, cb });
      const seen = h.observed(framed(b, codec).messages$);
      a.end('one\ntwo\n');
      assert.deepEqual((await seen.ended).values, ['one', 'two']);
      assert.ok(cb.calls.some(({ mask }) => mask === EOF));
      assert.ok(cb.calls.every(({ error }) => error === undefined));
      b.close();
    }),
  );

  it(
    'names what it gets instead of a stream or a codec, and what to write',
    invariants(async (h) => {
      const [io] = joined(h);
      const call = framed as (io: unknown, codec: unknown) => unknown;
      const socket = new Duplex({ read() {}, write() {} });
      for (const [wrong, message] of [
        [connect({ host: '127.0.0.1', port: 1 }), 'got an Observable; write connect(…).pipe(switchMap((io) => framed(io, codec)))'],
        [Promise.resolve(io), 'got a Promise; write const io = await open(…), then framed(io, codec)'],
        [socket, 'got a stream of Node; write const io = new IOStream({ fh: socket }), then framed(io, codec)'],
        [undefined, 'got undefined'],
        [framed(io, codec), 'got an object (Object)'],
      ] as const)
        assert.throws(() => call(wrong, codec), {
          name: 'TypeError',
          message: `expected framed() to get a stream of this library, ${message}`,
        });
      for (const wrong of [lines, undefined, {}])
        assert.throws(() => call(io, wrong), { name: 'TypeError', message: /^expected the codec of framed/ });
      assert.throws(() => call(io, lines), /got a function; call it/);
      socket.destroy();
      await ticks();
    }),
  );

  it(
    'bounds its memory while a consumer waits',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const seen = h.observed(framed(b, mapCodec(codec, { decode: String, encode: String })).consume(() => new Observable(() => {})));
      const before = usedMiB();
      const sending = h.observed(
        a.send(
          (function* () {
            for (let each = 0; each < 1000; each += 1) yield Buffer.alloc(65_536, '0123456\n');
          })(),
        ),
      );
      await turns(200);
      assert.ok(usedMiB() - before < 8, `holds ${usedMiB() - before} MiB`);
      seen.unsubscribe();
      sending.unsubscribe();
    }),
  );
});

/** What a call throws. */
function caught(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return assert.fail('expected a throw');
}

function numbered() {
  return (message$: Observable<string>): Observable<string> =>
    new Observable((out) => {
      let count = 0;
      return message$.subscribe({
        next: (message) => out.next(`${(count += 1)} ${message}`),
        error: (error: unknown) => out.error(error),
        complete: () => out.complete(),
      });
    });
}
