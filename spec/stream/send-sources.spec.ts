import { concat, map, merge, NEVER, Observable, of, Subject, timer, type InteropObservable } from 'rxjs';
import { describe, expect } from 'vitest';
import { connect, EOUTBUFLIMIT, type IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { streamPair, pattern, serve, ticks } from './tools.ts';

type Source = Parameters<IOStream['send']>[0];

/** An Observable of another library, which shares only the protocol with RxJS. */
function foreign(
  emit: (observer: { next(value: string): void; error(error: unknown): void; complete(): void }) => (() => void) | undefined,
): object {
  return {
    subscribe: (observer: { next(value: string): void; error(error: unknown): void; complete(): void }) => {
      const stop = emit(observer);
      return { unsubscribe: () => stop?.() };
    },
  };
}

const interop = (key: PropertyKey, observable: object): InteropObservable<string> => ({ [key]: () => observable }) as never;
const key = (Symbol as { observable?: symbol }).observable ?? '@@observable';
const abc = (): object =>
  foreign((observer) => {
    for (const each of ['a', 'b', 'c']) observer.next(each);
    observer.complete();
    return undefined;
  });

/** A Web stream of another runtime or library, no instance of a class of Node. */
function structural(parts: readonly string[]): Source & { cancelled: boolean } {
  const rest = [...parts];
  const stream = {
    cancelled: false,
    getReader: () => ({
      read: () => Promise.resolve(rest.length > 0 ? { done: false, value: rest.shift() } : { done: true, value: undefined }),
      cancel: () => {
        stream.cancelled = true;
        return Promise.resolve();
      },
      releaseLock: () => {},
    }),
  };
  return stream;
}

const SOURCES: Record<string, () => unknown> = {
  'an object with the key of Observables': () => interop(key, abc()),
  'an interop Observable of RxJS': () => interop(key, of('a', 'b', 'c')),
  'an object that is async iterable and has the key': () =>
    Object.assign(interop(key, NEVER), {
      *[Symbol.iterator]() {
        yield* ['a', 'b', 'c'];
      },
    }),
  'a structural Web stream': () => structural(['a', 'b', 'c']),
  'a Set': () => new Set(['a', 'b', 'c']),
  'an iterator of a Map': () =>
    new Map([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]).values(),
};

/** Sources without bytes. */
const EMPTY_SOURCES: Record<string, () => Source> = {
  'an empty array': () => [],
  'an empty string': () => [''],
  'empty views': () => [new Uint8Array(0), Buffer.alloc(0)],
  'an empty Observable': () => of(),
  'an empty Observable over time': () => timer(2).pipe(map(() => '')),
  'an empty structural Web stream': () => structural([]),
  'an empty interop Observable': () =>
    interop(
      key,
      foreign((observer) => (observer.complete(), undefined)),
    ),
};

describe('send', () => {
  spec.each(Object.entries(SOURCES))('sends %s', async (h, _, make) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    const sent = await h.observed(a.send(make() as Source)).ended;
    expect([sent.state, sent.values.at(-1)]).toStrictEqual(['complete', 3]);
    a.end();
    h.sameBytes((await seen.ended).values, 'abc');
  });

  spec.each(Object.entries(EMPTY_SOURCES))('emits 0 once and completes for %s', async (h, _, make) => {
    const [a] = streamPair(h);
    const seen = await h.observed(a.send(make())).ended;
    expect([seen.state, seen.values]).toStrictEqual(['complete', [0]]);
  });

  spec('completes for an empty source after the send before it', async (h) => {
    const [a, b] = streamPair(h);
    const first = new Subject<string>();
    const seen = [h.observed(a.send(first)), h.observed(a.send([]))];
    first.next('x');
    await ticks();
    expect(seen[1]!.values).toStrictEqual([]);
    first.complete();
    await seen[1]!.ended;
    expect(seen.map(({ values }) => values.at(-1))).toStrictEqual([1, 0]);
    expect(b.inBuf.length === 1).toBe(true);
  });

  spec('unsubscribes an interop Observable, and cancels a structural Web stream', async (h) => {
    const [a] = streamPair(h);
    let stopped = 0;
    h.observed(
      a.send(
        interop(
          key,
          foreign(() => () => (stopped += 1)),
        ),
      ),
    ).unsubscribe();
    expect(stopped).toBe(1);
    const never = structural([]);
    Object.assign(never, {
      getReader: () => ({ read: () => new Promise(() => {}), cancel: () => Promise.resolve((never.cancelled = true)) }),
    });
    h.observed(a.send(never)).unsubscribe();
    await ticks();
    expect(never.cancelled).toBe(true);
  });

  spec('errors with the error that an interop Observable emits or throws', async (h) => {
    const mine = new Error('mine');
    const failing = [
      foreign((observer) => (observer.error(mine), undefined)),
      foreign(() => {
        throw mine;
      }),
    ];
    for (const each of failing) {
      const [a] = streamPair(h);
      expect((await h.observed(a.send(interop(key, each))).ended).error).toBe(mine);
    }
  });
});

describe('a hot source behind another send', () => {
  spec('is subscribed at once, so that no value is lost', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    const [first, hot] = [new Subject<string>(), new Subject<string>()];
    h.observed(a.send(first));
    const sent = h.observed(a.send(hot));
    hot.next('2');
    first.next('1');
    await ticks();
    hot.next('3');
    first.complete();
    await ticks();
    hot.next('4');
    hot.complete();
    expect((await sent.ended).values.at(-1)).toBe(3);
    a.end();
    h.sameBytes((await seen.ended).values, '1234');
  });

  spec('is sent in its turn even if it has completed before', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    const first = new Subject<string>();
    h.observed(a.send(first));
    const [second, third] = [h.observed(a.send(of('2'))), h.observed(a.send(['3']))];
    await ticks();
    expect([second.state, third.state]).toStrictEqual(['open', 'open']);
    first.next('1');
    first.complete();
    await Promise.all([second.ended, third.ended]);
    a.end();
    h.sameBytes((await seen.ended).values, '123');
  });

  spec('fails over outBufLimit, while the sends before and behind it complete', async (h) => {
    const [a, b] = streamPair(h, { outBufLimit: 1000 });
    const seen = h.observed(b.data$);
    const [first, hot] = [new Subject<string>(), new Subject<Buffer>()];
    h.observed(a.send(first));
    const cut = h.observed(a.send(hot));
    const behind = h.observed(a.send(['behind']));
    for (let each = 0; each < 3; each += 1) hot.next(pattern(600));
    h.error((await cut.ended).error, { code: EOUTBUFLIMIT });
    expect(hot.observed).toBe(false);
    first.next('first ');
    first.complete();
    await behind.ended;
    a.end();
    h.sameBytes((await seen.ended).values, 'first behind');
  });

  spec('reports its error before its turn', async (h) => {
    const port = await serve(h, (socket) => socket.resume().on('end', () => socket.end()));
    const mine = new Error('mine');
    const seen = await h.observed(
      connect({ host: '127.0.0.1', port }, (io) => {
        const failing = new Observable<string>((out) => {
          out.next('lost');
          out.error(mine);
        });
        return merge(io.send(concat(of('1'), NEVER)), io.send(failing));
      }),
    ).ended;
    expect(seen.error).toBe(mine);
  });
});
