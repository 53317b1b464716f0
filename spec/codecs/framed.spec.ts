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
import { describe, expect } from 'vitest';
import type { Codec } from '../../src/codecs/codec.ts';
import { framed } from '../../src/codecs/framed/framed.ts';
import { lengthPrefixed } from '../../src/codecs/length-prefixed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { mapCodec } from '../../src/codecs/map-codec.ts';
import { parse } from '../../src/codecs/parse.ts';
import { EFRAMELIMIT, EOUTBUFLIMIT, EPROTOCOL } from '../../src/errors.ts';
import { EOF } from '../../src/events.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { closing, joined, pattern, scripted, ticks, turns, unhandled, usedMiB, owned, dialled } from '../stream/tools.ts';
import { connect } from '../../src/stream/connect.ts';
import { IOStream } from '../../src/stream/io-stream.ts';

const codec = lines({ maxLength: 64 });

/** Messages of two bytes. Calls `freed` when a message has been decoded, or its decoder is freed. */
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
  spec('carries messages in both directions until both ends have ended', async (h) => {
    const [a, b] = joined(h);
    const [left, right] = [framed(a, codec), framed(b, codec)];
    const seen = [h.observed(left.messages$), h.observed(right.messages$)] as const;
    expect(left.write('one')).toBe(true);
    left.write('two');
    right.write('three');
    await seen[0].value();
    a.end();
    b.end();
    expect((await seen[0].ended).state).toBe('complete');
    expect((await seen[1].ended).state).toBe('complete');
    expect(seen.map(({ values }) => values)).toStrictEqual([['three'], ['one', 'two']]);
  });

  spec('works over sockets, and accepts messages while the stream is still opening', async (h) => {
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
  });

  spec('emits the same messages to all subscribers of one tick, and reads nothing before the first one', async (h) => {
    const [a, b] = joined(h);
    const { messages$ } = framed(b, codec);
    a.write('one\ntwo\n');
    await h.until(() => b.inBuf.length === 8, 'the bytes are buffered');
    const seen = [h.observed(messages$), h.observed(messages$)];
    expect(seen[0]?.values).toStrictEqual([]);
    a.end();
    for (const each of seen) expect((await each.ended).values).toStrictEqual(['one', 'two']);
  });

  spec('keeps unread messages and a partial frame for the next subscriber', async (h) => {
    const [a, b] = joined(h);
    const { messages$ } = framed(b, codec);
    a.write('one\ntwo\nthr');
    expect(await firstValueFrom(messages$)).toBe('one');
    expect(await firstValueFrom(messages$)).toBe('two');
    a.end('ee\nfour\n');
    expect(await firstValueFrom(messages$.pipe(take(1), toArray()))).toStrictEqual(['three']);
    expect(await firstValueFrom(messages$.pipe(toArray()))).toStrictEqual(['four']);
    expect(await firstValueFrom(messages$.pipe(toArray()))).toStrictEqual([]);
  });

  spec('stops reading when the last subscriber has unsubscribed', async (h) => {
    const [a, b] = joined(h);
    const { messages$ } = framed(b, codec);
    a.write('one\n');
    await firstValueFrom(messages$);
    a.write('two\n');
    await h.until(() => b.inBuf.length > 0, 'the bytes are buffered');
    expect(String(b.inBuf)).toBe('two\n');
  });

  spec('handles one message after the other, and pauses the peer meanwhile', async (h) => {
    const [a, b] = joined(h, { highWaterMark: 1024 }, { highWaterMark: 1024 }, { limit: 4096 });
    const gate = new Subject<void>();
    let active = 0;
    const seen = h.observed(
      framed(b, codec).consume((message) => {
        active += 1;
        expect(active).toBe(1);
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
    // The bytes in flight in memory, those read ahead, and the current chunk.
    expect(b.inBytes < 16_384, `read ${b.inBytes}`).toBe(true);
    void sending.ended.then(() => a.end());
    while (seen.state === 'open') {
      gate.next();
      if (active === 0) await turns(1);
    }
    expect(seen.values).toStrictEqual(sent);
    expect(seen.state).toBe('complete');
  });

  spec('handles 100,000 messages of one chunk without recursion, and emits them on messages$ too', async (h) => {
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
    expect([handled, watched, depths.size]).toStrictEqual([100_000, 100_000, 1]);
    watcher.unsubscribe();
  });

  spec('handles up to `concurrency` messages at the same time, started in order, and completes after all of them', async (h) => {
    const [a, b] = joined(h);
    const inners = Array.from({ length: 5 }, () => new Subject<string>());
    const begun: string[] = [];
    const handle = (message: string): Subject<string> => inners[begun.push(message) - 1]!;
    const seen = h.observed(framed(b, codec).consume(handle, { concurrency: 2 }));
    a.end('a\nb\nc\nd\ne\n');
    await h.until(() => begun.length > 0);
    await ticks();
    expect(begun).toStrictEqual(['a', 'b']);
    inners[1]?.next('B');
    inners[1]?.complete();
    expect(begun).toStrictEqual(['a', 'b', 'c']);
    for (const each of [2, 3]) inners[each]?.complete();
    expect(begun).toStrictEqual(['a', 'b', 'c', 'd', 'e']);
    inners[4]?.complete();
    await ticks();
    expect([seen.state, seen.values]).toStrictEqual(['open', ['B']]);
    inners[0]?.complete();
    expect((await seen.ended).state).toBe('complete');
    expect(() => framed(b, codec).consume(() => EMPTY, { concurrency: 0 })).toThrow(TypeError);
  });

  spec('rejects a second consumer, and any reader beside another reader of the bytes', async (h) => {
    const [, b] = joined(h);
    const { consume, messages$ } = framed(b, codec);
    const first = h.observed(consume(() => EMPTY));
    const second = await h.observed(consume(() => EMPTY)).ended;
    expect(second.error).toBeInstanceOf(TypeError);
    expect((await h.observed(b.consume(() => EMPTY)).ended).error).toBeInstanceOf(TypeError);
    first.unsubscribe();
    h.observed(b.consume(() => EMPTY));
    for (const each$ of [messages$, consume(() => EMPTY)]) expect((await h.observed(each$).ended).error).toBeInstanceOf(TypeError);
  });

  spec('continues messages$ when a consumer that blocked it unsubscribes', async (h) => {
    const [a, b] = joined(h);
    const { consume, messages$ } = framed(b, codec);
    const consumer = h.observed(consume(() => NEVER));
    const watcher = h.observed(messages$);
    a.write('one\ntwo\nthree\n');
    await watcher.value();
    await ticks();
    expect(watcher.values).toStrictEqual(['one']);
    consumer.unsubscribe();
    await ticks();
    expect(watcher.values).toStrictEqual(['one', 'two', 'three']);
  });

  spec('errors with what a handler throws or its Observable errors with, and leaves the stream open', async (h) => {
    const [a, b] = joined(h);
    const { consume, messages$ } = framed(b, codec);
    const why = new Error('why');
    a.write('one\ntwo\nthree\n');
    const boom = (): never => {
      throw why;
    };
    expect((await h.observed(consume(boom)).ended).error).toBe(why);
    expect((await h.observed(consume(() => throwError(() => why))).ended).error).toBe(why);
    expect(await firstValueFrom(messages$)).toBe('three');
    expect(b.state).toBe('open');
  });

  for (const [what, bytes, code] of [
    ['a frame over the limit', `one\n${'x'.repeat(70)}\n`, EFRAMELIMIT],
    ['a truncated frame', 'one\ntw', EPROTOCOL],
  ] as const)
    spec(`errors and closes the stream with that error, after all messages before it: ${what}`, async (h) => {
      const [a, b] = joined(h);
      const reported = unhandled(h);
      a.errors$.subscribe(); // The other end is reset.
      const seen = h.observed(framed(b, codec).messages$);
      a.end(bytes);
      const { error, values } = await seen.ended;
      h.error(error, { code, phase: 'read', fatal: true });
      expect(values).toStrictEqual(['one']);
      const report = await closing(b);
      expect(report.by).toBe('error');
      expect(report.error).toBe(error);
      await turns();
      expect(reported).toStrictEqual([]);
    });

  spec('reports a decoding error to cb and errors$ too, and leaves the stream open if isFatal returns false', async (h) => {
    const cb = h.cb();
    const [a, b] = joined(h, {}, { cb, isFatal: () => false });
    const { messages$, write } = framed(b, codec);
    const answers = h.observed(framed(a, codec).messages$);
    const seen = h.observed(messages$);
    a.write('x'.repeat(70));
    h.error((await seen.ended).error, { code: EFRAMELIMIT });
    expect(cb.calls.filter(({ error }) => error).map(({ error }) => error)).toStrictEqual([seen.error]);
    expect(write('too long')).toBe(true);
    expect(await answers.value()).toBe('too long');
  });

  spec('errors with the error of the stream, after all messages before it', async (h) => {
    const [a, b] = joined(h);
    const seen = h.observed(framed(b, codec).messages$);
    a.write('one\ntw');
    await seen.value();
    a.reset();
    const { error, values } = await seen.ended;
    h.error(error, { code: 'ECONNRESET' });
    expect(values).toStrictEqual(['one']);
  });

  spec('emits no end to readers when the owner of the stream unsubscribes', async (h) => {
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
    for (const { state, values } of readers) expect([state, values]).toStrictEqual(['open', []]);
  });

  spec('claims the bytes only while it is subscribed', async (h) => {
    const [a, b] = joined(h);
    const { messages$, consume } = framed(b, codec);
    for (const each$ of [messages$, consume(() => NEVER)]) {
      h.observed(each$).unsubscribe();
      a.write('one\n');
      expect(String(await firstValueFrom(b.consume((bytes) => [bytes])))).toBe('one\n');
    }
  });

  spec('completes when we close, even inside a frame', async (h) => {
    const [a, b] = joined(h);
    const seen = h.observed(framed(b, codec).messages$);
    a.write('one\ntw');
    await seen.value();
    b.close();
    expect((await seen.ended).state).toBe('complete');
    expect((await closing(b)).by).toBe('us');
  });

  spec('emits nothing more after a close from inside next, or during a handler', async (h) => {
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
    await h.until(() => seen.length > 0 && handled.length > 0, 'both have received the first message');
    a.close();
    gate.complete();
    expect((await consumed.ended).state).toBe('complete');
    expect([seen, handled]).toStrictEqual([['one'], ['three']]);
  });

  spec('frees the decoder when the stream ends', async (h) => {
    const [a, b] = joined(h);
    const log: string[] = [];
    const tidy = pairs(() => log.push('tidied'));
    const seen = h.observed(framed(b, tidy).messages$);
    a.write('123');
    await seen.value();
    b.close();
    await seen.ended;
    expect(log).toStrictEqual(['tidied', 'tidied']);
  });

  for (const [how, end] of [
    ['our close', (_, b) => b.close()],
    ['our reset', (_, b) => b.reset()],
    ['the end of the peer', (a) => a.end()],
    ['an error', (a) => a.reset()],
  ] as [string, (a: IOStream, b: IOStream) => void][])
    spec(`frees the encoder, and a decoder inside a frame, even without a reader: ${how}`, async (h) => {
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
      expect(log).toStrictEqual(['decoder']);
      end(a, b);
      await closing(b);
      expect(log.toSorted()).toStrictEqual(['decoder', 'decoder', 'encoder']);
    });

  spec('emits all messages before an end that arrives from inside next', async (h) => {
    const { wire, up } = scripted();
    const [io] = owned(h, new IOStream({ wire }));
    io.errors$.subscribe();
    const { messages$ } = framed(io, codec);
    const seen = h.observed(messages$.pipe(tap((line) => line === 'one' && up({ kind: 'end' }))));
    await ticks();
    up({ kind: 'data', bytes: Buffer.from('one\ntwo\nthr') });
    h.error((await seen.ended).error, { code: EPROTOCOL });
    expect(seen.values).toStrictEqual(['one', 'two']);
  });

  spec('reports a truncated frame also to a reader that subscribes after the stream has closed', async (h) => {
    const [a, b] = joined(h);
    a.end('one\ntw');
    await closing(b);
    const { error, values } = await h.observed(framed(b, codec).messages$).ended;
    h.error(error, { code: EPROTOCOL });
    expect(values).toStrictEqual(['one']);
  });

  spec('throws the error of a message that cannot be encoded, writes nothing of it, and encodes the next one', async (h) => {
    const [a, b] = joined(h);
    const { write } = framed(a, codec);
    const errors = h.observed(a.errors$);
    const seen = h.observed(framed(b, codec).messages$);
    expect(write('one')).toBe(true);
    for (const [message, code] of [
      ['x'.repeat(65), EFRAMELIMIT],
      ['t\nwo', EPROTOCOL],
      [Symbol('two'), EPROTOCOL],
    ] as const)
      h.error(
        caught(() => write(message as never)),
        { code, phase: 'write', fatal: false },
      );
    expect(write('three')).toBe(true);
    a.end();
    expect((await seen.ended).values).toStrictEqual(['one', 'three']);
    expect((await errors.ended).values).toStrictEqual([]);
  });

  spec('throws the error of an own codec unchanged, or as the cause of EPROTOCOL', (h) => {
    const [a] = joined(h);
    const why = new Error('why');
    const boom = (): never => {
      throw why;
    };
    const encode: Codec<string>['encode'] = () => map(boom);
    const error = caught(() => framed<string>(a, { decode: codec.decode, encode }).write('one'));
    h.error(error, { code: EPROTOCOL, phase: 'write', fatal: false });
    expect((error as Error).cause).toBe(why);
    expect(caught(() => framed<string>(a, { decode: codec.decode, encode: boom }).write('one'))).toBe(why);
    expect(a.state).toBe('opening');
  });

  spec('returns false once the stream is closed, and encodes nothing', async (h) => {
    const [a, b] = joined(h);
    b.errors$.subscribe(); // It is reset.
    const { write } = framed(a, codec);
    a.close();
    expect(write('t\nwo')).toBe(false);
    await closing(a);
  });

  spec('writes a message as a whole or not at all, however many chunks its encoder emits', async (h) => {
    const inPieces: Codec<string> = {
      decode: codec.decode,
      encode: () => (message$) => message$.pipe(mergeMap((message) => `${message}\n`.split('').map((each) => Buffer.from(each)))),
    };
    const [a, b] = joined(h, { outBufLimit: 4, isFatal: () => false });
    const errors = h.observed(a.errors$);
    const { write } = framed(a, inPieces);
    const seen = h.observed(framed(b, codec).messages$);
    expect([write('on'), write('two'), write('no')]).toStrictEqual([true, false, false]);
    await seen.value((line) => line === 'two');
    h.error(await errors.value(), { code: EOUTBUFLIMIT });
    await h.until(() => a.output.pending === 0);
    expect(write('th')).toBe(true);
    a.end();
    expect((await seen.ended).values).toStrictEqual(['on', 'two', 'th']);
  });

  spec('throws each time an encoder completes, and returns false if the encoder closes the stream', async (h) => {
    const [a, b] = joined(h);
    const seen = h.observed(framed(b, codec).messages$);
    await h.until(() => a.state === 'open');
    const first = framed(a, { decode: codec.decode, encode: () => (message$) => message$.pipe(take(2), codec.encode()) });
    expect(first.write('one')).toBe(true);
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
    expect(closes.write('one')).toBe(false);
    expect((await seen.ended).values).toStrictEqual(['one']);
  });

  spec('closes the stream with the error of an encoder that errors after write has returned', async (h) => {
    const [a, b] = joined(h);
    b.errors$.subscribe(); // It is reset.
    const errors = h.observed(a.errors$);
    const late: Codec<string>['encode'] = () => (message$) => message$.pipe(delay(1), codec.encode());
    expect(framed<string>(a, { decode: codec.decode, encode: late }).write('t\nwo')).toBe(true);
    h.error(await errors.value(), { code: EPROTOCOL, phase: 'write' });
    expect((await closing(a)).by).toBe('error');
  });

  spec('writes bytes that are encoded after write has returned', async (h) => {
    const late: Codec<string> = { decode: codec.decode, encode: () => (message$) => message$.pipe(delay(1), codec.encode()) };
    const [a, b] = joined(h);
    const { write } = framed(a, late);
    const seen = h.observed(framed(b, codec).messages$);
    expect(write('one')).toBe(true);
    expect(await seen.value()).toBe('one');
  });

  spec('keeps the state of the encoder as long as the connection', async (h) => {
    const counting: Codec<string> = {
      decode: codec.decode,
      encode: () => (message$) => message$.pipe(numbered(), codec.encode()),
    };
    const [a, b] = joined(h);
    const { write } = framed(a, counting);
    const seen = h.observed(framed(b, codec).messages$);
    for (const each of ['a', 'b']) write(each);
    a.end();
    expect((await seen.ended).values).toStrictEqual(['1 a', '2 b']);
  });

  spec('accepts a codec that decodes asynchronously', async (h) => {
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
    expect([state, values]).toStrictEqual(['complete', ['one', 'two']]);
  });

  spec('reads messages in manual mode without IN in waitFor', async (h) => {
    const cb = h.cb();
    const [a, b] = joined(h, {}, { waitFor: EOF, cb });
    const seen = h.observed(framed(b, codec).messages$);
    a.end('one\ntwo\n');
    expect((await seen.ended).values).toStrictEqual(['one', 'two']);
    expect(cb.calls.some(({ mask }) => mask === EOF)).toBe(true);
    expect(cb.calls.every(({ error }) => error === undefined)).toBe(true);
    b.close();
  });

  spec('throws a TypeError that names the wrong stream or codec, and the code to write', async (h) => {
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
      expect(() => call(wrong, codec)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: `expected framed() to get a stream of this library, ${message}` }),
      );
    for (const wrong of [lines, undefined, {}])
      expect(() => call(io, wrong)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^expected the codec of framed/) }),
      );
    expect(() => call(io, lines)).toThrow(/got a function; call it/);
    socket.destroy();
    await ticks();
  });

  spec('bounds its memory while a handler is active', async (h) => {
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
    expect(usedMiB() - before < 8, `holds ${usedMiB() - before} MiB`).toBe(true);
    seen.unsubscribe();
    sending.unsubscribe();
  });
});

/** Returns what a call throws. */
function caught(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return expect.unreachable('expected a throw');
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
