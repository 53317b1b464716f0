import { concatMap, from, map, take, toArray, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import type { IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { joined, ticks } from './tools.ts';

const asObservable = (io: IOStream): Observable<Buffer> => from(io as unknown as Observable<Buffer>);

/** Ways to leave an iteration of a stream while it waits for bytes. */
const LEFT: Record<string, (io: IOStream) => Promise<void> | void> = {
  'an iterator that was never asked': (io) => {
    io[Symbol.asyncIterator]();
  },
  'an iterator that was returned before it was asked': async (io) => {
    await io[Symbol.asyncIterator]().return?.();
  },
  'an iterator that was returned while next() waited': async (io) => {
    const iterator = io[Symbol.asyncIterator]();
    const next = iterator.next();
    await ticks(2);
    await iterator.return?.();
    expect(await next).toStrictEqual({ done: true, value: undefined });
  },
  'an iterator that was returned while two next() waited': async (io) => {
    const iterator = io[Symbol.asyncIterator]();
    const both = [iterator.next(), iterator.next()];
    await ticks(2);
    await iterator.return?.();
    for (const next of both) expect((await next).done).toBe(true);
  },
  'from(io) that was unsubscribed': async (io) => {
    const subscription = asObservable(io).subscribe();
    await ticks(2);
    subscription.unsubscribe();
  },
};

describe('an iteration that is left', () => {
  spec.each(Object.entries(LEFT))('claims and swallows nothing: %s', async (h, _, leave) => {
    const [io, peer] = joined(h);
    await leave(io);
    peer.end('all of it');
    await ticks();
    const chunks: Buffer[] = [];
    for await (const each of io) chunks.push(each);
    h.sameBytes(chunks, 'all of it');
  });

  spec.each(Object.entries(LEFT))('lets consume read: %s', async (h, _, leave) => {
    const [io, peer] = joined(h);
    await leave(io);
    const seen = h.observed(io.consume((each) => [each]));
    peer.end('all of it');
    h.sameBytes((await seen.ended).values, 'all of it');
  });

  spec('keeps the rest for the next one, when the loop is left by break', async (h) => {
    const [io, peer] = joined(h, {}, {}, { cut: 1 });
    peer.end('abc');
    await ticks();
    const got: string[] = [];
    for (let round = 0; round < 3; round += 1)
      for await (const each of io) {
        got.push(each.toString());
        break;
      }
    for await (const each of io) got.push(each.toString());
    expect(got.join('')).toBe('abc');
  });
});

describe('from(io)', () => {
  spec('is data$: multicast, and beside other readers', async (h) => {
    const [io, peer] = joined(h);
    const seen = [h.observed(asObservable(io)), h.observed(asObservable(io)), h.observed(io.data$)];
    peer.end('once');
    for (const each of seen) h.sameBytes((await each.ended).values, 'once');
  });

  spec('takes no chunk for a subscriber that has left', async (h) => {
    const [io, peer] = joined(h);
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

  spec('works wherever RxJS takes an ObservableInput', async (h) => {
    const [io, peer] = joined(h);
    const seen = h.observed(from([io]).pipe(concatMap((each) => each as unknown as Observable<Buffer>)));
    peer.end('inner');
    h.sameBytes((await seen.ended).values, 'inner');
  });
});
