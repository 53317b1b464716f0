import { concatMap, EMPTY, firstValueFrom, NEVER, Observable, Subject, take, throwError } from 'rxjs';
import { describe, expect } from 'vitest';
import { framed } from '../../../src/codecs/framed/framed.ts';
import { lines } from '../../../src/codecs/lines.ts';
import { mapCodec } from '../../../src/codecs/map-codec.ts';
import { spec } from '../../support/spec.ts';
import { streamPair, scriptedStream, ticks, turns, usedMiB, resetAtEnd } from '../../stream/tools.ts';
import { IOStream } from '../../../src/stream/io-stream.ts';

const codec = lines({ maxLength: 64 });

describe('consume of framed messages', () => {
  spec('handles one message after the other, and pauses the peer meanwhile', async (h) => {
    const [a, b] = streamPair(h, { highWaterMark: 1024 }, { highWaterMark: 1024 }, { limit: 4096 });
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
    const { wire, up } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire }));
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
    const [a, b] = streamPair(h);
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
    const [, b] = streamPair(h);
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
    const [a, b] = streamPair(h);
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
    const [a, b] = streamPair(h);
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

  spec('bounds its memory while a handler is active', async (h) => {
    const [a, b] = streamPair(h);
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
