import { concatMap, from, map, take, toArray, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import type { IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { streamPair, ticks } from './tools.ts';

const asObservable = (io: IOStream): Observable<Buffer> => from(io as unknown as Observable<Buffer>);

/** Ways to abandon an iteration of a stream while it waits for bytes. */
const ABANDONED: Record<string, (io: IOStream) => Promise<void> | void> = {
  'an iterator whose next() was never called': (io) => {
    io[Symbol.asyncIterator]();
  },
  'an iterator that was returned before its first next()': async (io) => {
    await io[Symbol.asyncIterator]().return?.();
  },
  'an iterator that was returned while next() waited': async (io) => {
    const iterator = io[Symbol.asyncIterator]();
    const next = iterator.next();
    await ticks(2);
    await iterator.return?.();
    expect(await next).toStrictEqual({ done: true, value: undefined });
  },
  'an iterator that was returned while two calls of next() waited': async (io) => {
    const iterator = io[Symbol.asyncIterator]();
    const both = [iterator.next(), iterator.next()];
    await ticks(2);
    await iterator.return?.();
    for (const next of both) expect((await next).done).toBe(true);
  },
  'a from(io) that was unsubscribed': async (io) => {
    const subscription = asObservable(io).subscribe();
    await ticks(2);
    subscription.unsubscribe();
  },
};

describe('an abandoned iteration', () => {
  spec.each(Object.entries(ABANDONED))('loses no bytes and does not block the next one: %s', async (h, _, abandon) => {
    const [io, peer] = streamPair(h);
    await abandon(io);
    peer.end('all of it');
    await ticks();
    const chunks: Buffer[] = [];
    for await (const each of io) chunks.push(each);
    h.sameBytes(chunks, 'all of it');
  });

  spec.each(Object.entries(ABANDONED))('does not block `consume`: %s', async (h, _, abandon) => {
    const [io, peer] = streamPair(h);
    await abandon(io);
    const seen = h.observed(io.consume((each) => [each]));
    peer.end('all of it');
    h.sameBytes((await seen.ended).values, 'all of it');
  });

  spec('keeps the remaining bytes for the next one after a `break`', async (h) => {
    const [io, peer] = streamPair(h, {}, {}, { cut: 1 });
    peer.end('abc');
    await ticks();
    const texts: string[] = [];
    for (let round = 0; round < 3; round += 1)
      for await (const each of io) {
        texts.push(each.toString());
        break;
      }
    for await (const each of io) texts.push(each.toString());
    expect(texts.join('')).toBe('abc');
  });
});

describe('from(io)', () => {
  spec('is multicast like `data$`, and works beside other readers', async (h) => {
    const [io, peer] = streamPair(h);
    const seen = [h.observed(asObservable(io)), h.observed(asObservable(io)), h.observed(io.data$)];
    peer.end('once');
    for (const each of seen) h.sameBytes((await each.ended).values, 'once');
  });

  spec('reads no chunk for a subscriber that has unsubscribed', async (h) => {
    const [io, peer] = streamPair(h);
    const first = h.observed(asObservable(io).pipe(take(1)));
    peer.write('first');
    await first.ended;
    peer.end('rest');
    await ticks();
    const rest = await h.observed(
      asObservable(io).pipe(
        map((each) => each.toString()),
        toArray(),
      ),
    ).ended;
    expect(rest.values).toStrictEqual([['rest']]);
  });

  spec('works wherever RxJS accepts an ObservableInput', async (h) => {
    const [io, peer] = streamPair(h);
    const seen = h.observed(from([io]).pipe(concatMap((each) => each as unknown as Observable<Buffer>)));
    peer.end('inner');
    h.sameBytes((await seen.ended).values, 'inner');
  });
});
