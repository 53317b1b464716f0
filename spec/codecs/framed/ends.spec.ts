import { EMPTY, finalize, Subject, tap, toArray } from 'rxjs';
import { describe, expect } from 'vitest';
import type { Codec } from '../../../src/codecs/codec.ts';
import { framed } from '../../../src/codecs/framed/framed.ts';
import { lines } from '../../../src/codecs/lines.ts';
import { parse } from '../../../src/codecs/parse.ts';
import { EFRAMELIMIT, EPROTOCOL } from '../../../src/errors.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { spec } from '../../support/spec.ts';
import { closedReport, streamPair, scriptedStream, ticks, turns, unhandled, resetAtEnd } from '../../stream/tools.ts';
import { connect } from '../../../src/stream/connect.ts';
import { IOStream } from '../../../src/stream/io-stream.ts';

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

describe('the end of framed messages', () => {
  for (const [what, bytes, code] of [
    ['a frame over the limit', `one\n${'x'.repeat(70)}\n`, EFRAMELIMIT],
    ['a truncated frame', 'one\ntw', EPROTOCOL],
  ] as const)
    spec(`errors and closes the stream with that error, after all messages before it: ${what}`, async (h) => {
      const [a, b] = streamPair(h);
      const reported = unhandled(h);
      a.errors$.subscribe(); // The other end is reset.
      const seen = h.observed(framed(b, codec).messages$);
      a.end(bytes);
      const { error, values } = await seen.ended;
      h.error(error, { code, phase: 'read', fatal: true });
      expect(values).toStrictEqual(['one']);
      const report = await closedReport(b);
      expect(report.by).toBe('error');
      expect(report.error).toBe(error);
      await turns();
      expect(reported).toStrictEqual([]);
    });

  spec('reports a decoding error to cb and errors$ too, and leaves the stream open if isFatal returns false', async (h) => {
    const cb = h.cb();
    const [a, b] = streamPair(h, {}, { cb, isFatal: () => false });
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
    const [a, b] = streamPair(h);
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
    const [peer] = resetAtEnd(h, new IOStream({ wire: far }));
    const connection = h.observed(connect({ wire: near }));
    const { messages$, consume } = framed(await connection.value(), codec);
    const readers = [h.observed(messages$.pipe(toArray())), h.observed(consume(() => EMPTY).pipe(toArray()))];
    peer.write('one\ntw');
    await h.until(() => peer.output.pending === 0);
    await ticks();
    connection.unsubscribe();
    peer.end();
    await closedReport(peer);
    await turns();
    for (const { state, values } of readers) expect([state, values]).toStrictEqual(['open', []]);
  });

  spec('completes when we close, even inside a frame', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(framed(b, codec).messages$);
    a.write('one\ntw');
    await seen.value();
    b.close();
    expect((await seen.ended).state).toBe('complete');
    expect((await closedReport(b)).by).toBe('us');
  });

  spec('emits nothing more after a close from inside next, or during a handler', async (h) => {
    const [a, b] = streamPair(h);
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
    const [a, b] = streamPair(h);
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
      const [a, b] = streamPair(h);
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
      await closedReport(b);
      expect(log.toSorted()).toStrictEqual(['decoder', 'decoder', 'encoder']);
    });

  spec('emits all messages before an end that arrives from inside next', async (h) => {
    const { wire, up } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire }));
    io.errors$.subscribe();
    const { messages$ } = framed(io, codec);
    const seen = h.observed(messages$.pipe(tap((line) => line === 'one' && up({ kind: 'end' }))));
    await ticks();
    up({ kind: 'data', bytes: Buffer.from('one\ntwo\nthr') });
    h.error((await seen.ended).error, { code: EPROTOCOL });
    expect(seen.values).toStrictEqual(['one', 'two']);
  });

  spec('reports a truncated frame also to a reader that subscribes after the stream has closed', async (h) => {
    const [a, b] = streamPair(h);
    a.end('one\ntw');
    await closedReport(b);
    const { error, values } = await h.observed(framed(b, codec).messages$).ended;
    h.error(error, { code: EPROTOCOL });
    expect(values).toStrictEqual(['one']);
  });
});
