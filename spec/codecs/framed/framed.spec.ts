import { Duplex } from 'node:stream';
import { concatMap, delay, firstValueFrom, NEVER, of, take, timer, toArray } from 'rxjs';
import { describe, expect } from 'vitest';
import type { Codec } from '../../../src/codecs/codec.ts';
import { framed } from '../../../src/codecs/framed/framed.ts';
import { lengthPrefixed } from '../../../src/codecs/length-prefixed.ts';
import { lines } from '../../../src/codecs/lines.ts';
import { EOF } from '../../../src/events.ts';
import { spec } from '../../support/spec.ts';
import { streamPair, pattern, ticks, connectedToPeer } from '../../stream/tools.ts';
import { connect } from '../../../src/stream/connect.ts';

const codec = lines({ maxLength: 64 });

describe('framed', () => {
  spec('carries messages in both directions until both ends have ended', async (h) => {
    const [a, b] = streamPair(h);
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
    const { io, socket } = await connectedToPeer(h, {}, (peer) => peer.pipe(peer));
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
    const [a, b] = streamPair(h);
    const { messages$ } = framed(b, codec);
    a.write('one\ntwo\n');
    await h.until(() => b.inBuf.length === 8, 'the bytes are buffered');
    const seen = [h.observed(messages$), h.observed(messages$)];
    expect(seen[0]?.values).toStrictEqual([]);
    a.end();
    for (const each of seen) expect((await each.ended).values).toStrictEqual(['one', 'two']);
  });

  spec('keeps unread messages and a partial frame for the next subscriber', async (h) => {
    const [a, b] = streamPair(h);
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
    const [a, b] = streamPair(h);
    const { messages$ } = framed(b, codec);
    a.write('one\n');
    await firstValueFrom(messages$);
    a.write('two\n');
    await h.until(() => b.inBuf.length > 0, 'the bytes are buffered');
    expect(String(b.inBuf)).toBe('two\n');
  });

  spec('claims the bytes only while it is subscribed', async (h) => {
    const [a, b] = streamPair(h);
    const { messages$, consume } = framed(b, codec);
    for (const each$ of [messages$, consume(() => NEVER)]) {
      h.observed(each$).unsubscribe();
      a.write('one\n');
      expect(String(await firstValueFrom(b.consume((bytes) => [bytes])))).toBe('one\n');
    }
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
    const [a, b] = streamPair(h);
    const seen = h.observed(framed(b, late).consume((line) => timer(1).pipe(concatMap(() => [line]))));
    a.end('one\ntwo\n');
    const { state, values } = await seen.ended;
    expect([state, values]).toStrictEqual(['complete', ['one', 'two']]);
  });

  spec('reads messages in manual mode without IN in waitFor', async (h) => {
    const cb = h.cb();
    const [a, b] = streamPair(h, {}, { waitFor: EOF, cb });
    const seen = h.observed(framed(b, codec).messages$);
    a.end('one\ntwo\n');
    expect((await seen.ended).values).toStrictEqual(['one', 'two']);
    expect(cb.calls.some(({ mask }) => mask === EOF)).toBe(true);
    expect(cb.calls.every(({ error }) => error === undefined)).toBe(true);
    b.close();
  });

  spec('throws a TypeError that names the wrong stream or codec, and the code to write', async (h) => {
    const [io] = streamPair(h);
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
});
