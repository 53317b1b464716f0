import { NEVER, Subject } from 'rxjs';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { streamPair, turns } from './tools.ts';

describe('send', () => {
  spec('emits the count of a single byte while the source goes on', async (h) => {
    const [a] = streamPair(h);
    const source = new Subject<string>();
    const counts = h.observed(a.send(source));
    source.next('x');
    await counts.value();
    expect([counts.values, counts.state]).toEqual([[1], 'open']);
    source.next('yz');
    source.complete();
    await counts.ended;
    expect([counts.values, counts.state]).toEqual([[1, 3], 'complete']);
  });

  spec('rejects a second early value behind another send with an outBufLimit of one byte', async (h) => {
    const [a] = streamPair(h, { outBufLimit: 1 });
    h.observed(a.errors$);
    h.observed(a.send(NEVER), 'the send in front');
    const source = new Subject<string>();
    let error: unknown;
    a.send(source).subscribe({ error: (thrown: unknown) => (error = thrown) });
    source.next('x');
    expect(error).toBeUndefined();
    source.next('y');
    h.error(error, { code: 'EOUTBUFLIMIT', phase: 'write' });
    await Promise.resolve();
  });

  spec('writes no chunk that an asynchronous source returns after the unsubscribe', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    let resolve: ((result: IteratorResult<string>) => void) | undefined;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise((then) => (resolve = then)) }),
    };
    const sending = a.send(source).subscribe();
    await h.until(() => resolve !== undefined, 'the source is asked for a chunk');
    sending.unsubscribe();
    resolve?.({ done: false, value: 'late' });
    await turns();
    a.end('written');
    await seen.ended;
    h.sameBytes(seen.values, 'written');
  });
});
