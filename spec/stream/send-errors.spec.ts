import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { concat, defer, from, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect } from 'vitest';
import { ECLOSED, EOUTBUFLIMIT, type IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, streamPair, pattern, ticks, unhandled } from './tools.ts';
import { countedSource } from './counted-source.ts';

type Source = Parameters<IOStream['send']>[0];

describe('send', () => {
  spec('calls return() of its source when it is unsubscribed', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    b.pause();
    const source = countedSource(Buffer.alloc(10_000));
    const seen = h.observed(a.send(source.iterable));
    await ticks();
    seen.unsubscribe();
    const { pulled } = source;
    b.resume();
    await ticks(50);
    expect([source.returned, source.pulled]).toStrictEqual([1, pulled]);
  });

  for (const [name, source] of [
    [
      'an iterable that throws',
      function* () {
        yield 'some';
        throw new Error('mine');
      },
    ],
    [
      'an async iterable that rejects',
      async function* () {
        yield 'some';
        await Promise.resolve();
        throw new Error('mine');
      },
    ],
    [
      'an Observable that errors',
      () =>
        concat(
          of('some'),
          throwError(() => new Error('mine')),
        ),
    ],
    [
      'a Readable that is destroyed',
      () =>
        Readable.from(
          (async function* () {
            yield 'some';
            await Promise.resolve();
            throw new Error('mine');
          })(),
        ),
    ],
  ] as [string, () => Source][]) {
    spec(`errors with the error of ${name} after the bytes before it, and leaves the stream open`, async (h) => {
      const [a, b] = streamPair(h);
      const received = h.observed(b.data$);
      const seen = h.observed(a.send(source()));
      await seen.ended;
      expect((seen.error as Error).message).toBe('mine');
      expect(a.state).toBe('open');
      a.end(' more');
      await received.ended;
      h.sameBytes(received.values, 'some more');
    });
  }

  spec('errors with a TypeError for a chunk that is not bytes, and calls return() of the source', async (h) => {
    for (const wrong of [5, null, {}, ['x']]) {
      const [a, b] = streamPair(h);
      h.observed(b.data$);
      const source = countedSource(wrong as unknown as Buffer);
      const seen = h.observed(a.send(source.iterable));
      await seen.ended;
      expect(seen.error).toBeInstanceOf(TypeError);
      await ticks();
      expect([source.pulled, source.returned]).toStrictEqual([1, 1]);
      const pushed = h.observed(a.send(of(wrong as unknown as Buffer)));
      expect((await pushed.ended).error).toBeInstanceOf(TypeError);
    }
  });

  spec('throws a TypeError at the call for an invalid source', (h) => {
    const [a] = streamPair(h);
    for (const wrong of ['text', 5, null, undefined, {}, Buffer.from('x'), new Uint8Array(1), () => []]) {
      expect(() => a.send(wrong as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected .*to send, got /) }),
      );
    }
  });

  spec('errors with EOUTBUFLIMIT if an Observable emits too much, and leaves the stream open', async (h) => {
    const [a, b] = streamPair(h, { outBufLimit: 100_000 });
    await ticks();
    const received = h.observed(b.data$);
    const seen = h.observed(a.send(from(Array.from({ length: 5 }, () => pattern(40_000)))));
    h.error((await seen.ended).error, { code: EOUTBUFLIMIT, phase: 'write' });
    expect(a.state).toBe('open');
    a.end();
    await received.ended;
    h.sameBytes(received.values, [pattern(40_000), pattern(40_000), pattern(40_000)]);
  });

  spec('errors with ECLOSED after end(), after close(), and when the stream is closed', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    const source = countedSource(Buffer.from('x'));
    await ticks();
    a.end();
    h.error((await h.observed(a.send(source.iterable)).ended).error, { code: ECLOSED, fatal: false });
    a.close();
    h.error((await h.observed(a.send(source.iterable)).ended).error, { code: ECLOSED });
    await closedReport(a);
    h.error((await h.observed(a.send(source.iterable)).ended).error, { code: ECLOSED });
    expect(source.pulled).toBe(0);
  });

  spec('errors with ECLOSED when the stream is closed while it sends, and releases every source', async (h) => {
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    b.pause();
    const source = countedSource(Buffer.alloc(10_000));
    const waiting = countedSource(Buffer.from('waiting'));
    const hot = new Subject<string>();
    const sends = [a.send(source.iterable), a.send(waiting.iterable), a.send(hot)].map((send$) => h.observed(send$));
    await ticks();
    a.close();
    for (const seen of sends) h.error((await seen.ended).error, { code: ECLOSED });
    expect([source.returned, waiting.pulled, hot.observed]).toStrictEqual([1, 0, false]);
    b.resume();
    await received.ended;
    expect(Buffer.concat(received.values).length).toBe(source.pulled * 10_000);
  });

  spec('errors with ECLOSED when end() is called while it sends, and releases its source', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    b.pause();
    const source = countedSource(Buffer.alloc(10_000));
    const seen = h.observed(a.send(source.iterable));
    await ticks();
    a.end();
    b.resume();
    h.error((await seen.ended).error, { code: ECLOSED });
    await ticks();
    expect(source.returned).toBe(1);
  });

  spec('errors when the stream fails while it sends, and releases its source', async (h) => {
    const [a, b] = streamPair(h);
    h.watch(a);
    const source = countedSource(Buffer.alloc(10_000));
    const seen = h.observed(a.send(source.iterable));
    await ticks();
    b.reset();
    await seen.ended;
    h.error(seen.error);
    expect(source.returned).toBe(1);
  });

  spec('destroys its Readable when the stream is closed', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    const readable = new Readable({ read: () => {} });
    readable.push('x');
    const seen = h.observed(a.send(readable));
    await h.until(() => seen.values.length > 0);
    a.close();
    await seen.ended;
    await h.until(() => readable.destroyed);
  });

  spec('cancels a Web stream between two chunks when it is unsubscribed', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    let cancelled = false;
    const stream = new ReadableStream<Buffer>({
      start: (controller) => controller.enqueue(Buffer.from('x')),
      cancel: () => {
        cancelled = true;
      },
    });
    const seen = h.observed(a.send(stream));
    await seen.value();
    seen.unsubscribe();
    await h.until(() => cancelled);
  });

  spec('ignores errors of a source that is released', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    b.pause();
    const reported = unhandled(h);
    async function* source(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield Buffer.alloc(10_000);
      } finally {
        // eslint-disable-next-line no-unsafe-finally
        throw new Error('in finally');
      }
    }
    const seen = h.observed(a.send(source()));
    await ticks(20);
    seen.unsubscribe();
    await ticks(20);
    expect(reported).toStrictEqual([]);
  });

  spec('errors when its source cannot be started, while the sends behind it go on', async (h) => {
    const locked = new ReadableStream();
    locked.getReader();
    const broken: Source[] = [
      locked,
      {
        [Symbol.iterator]: () => {
          throw new TypeError('no iterator');
        },
      },
      // An object that looks like an Observable may throw.
      {
        lift: () => undefined,
        subscribe: () => {
          throw new TypeError('no subscription');
        },
      } as unknown as Source,
    ];
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    for (const source of broken) {
      const alone = h.observed(a.send(source));
      const first = h.observed(a.send(['abc']));
      const queued = h.observed(a.send(source));
      const last = h.observed(a.send(['def']));
      expect((await alone.ended).error).toBeInstanceOf(TypeError);
      expect([(await first.ended).state, (await last.ended).state]).toStrictEqual(['complete', 'complete']);
      expect((await queued.ended).error).toBeInstanceOf(TypeError);
    }
    b.end();
    await closedReport(a);
    await received.ended;
    h.sameBytes(received.values, 'abcdef'.repeat(3));
  });

  spec('errors with ECLOSED when its source closes the stream at the subscription', async (h) => {
    const [a] = streamPair(h);
    await ticks();
    const seen = h.observed(a.send(defer(() => (a.close(), NEVER))));
    h.error((await seen.ended).error, { code: ECLOSED });
  });
});
