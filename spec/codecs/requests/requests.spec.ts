import { delay, forkJoin, from, mergeMap, Observable, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { framed, type Framed } from '../../../src/codecs/framed/framed.ts';
import { requests } from '../../../src/codecs/requests/requests.ts';
import { EOUTBUFLIMIT, EPROTOCOL } from '../../../src/errors.ts';
import { connect } from '../../../src/stream/connect.ts';
import { spec } from '../../support/spec.ts';
import { streamPair, ticks } from '../../stream/tools.ts';
import { codec, type Call, byId, orderedPair, pairWithIds } from './clients.ts';

describe('requests', () => {
  spec('emits to each request its own reply, in order, with 5,000 requests in flight', async (h) => {
    const { client, peer } = orderedPair(h);
    const answering = h.observed(peer.messages$);
    peer.messages$.subscribe((line) => peer.write(`${line}!`));
    const { request } = requests(client);
    const all = Array.from({ length: 5000 }, (_, each) => String(each));
    const seen = h.observed(from(all).pipe(mergeMap((each) => request(each).pipe(mergeMap((reply) => [[each, reply]])))));
    await seen.ended;
    expect(seen.values).toStrictEqual(all.map((each) => [each, `${each}!`]));
    expect(answering.values).toStrictEqual(all);
  });

  spec('matches replies by id, in any order', async (h) => {
    const { client, peer } = pairWithIds(h);
    const { request } = requests(client, byId);
    const got: Call[] = [];
    peer.messages$.subscribe((call) => {
      got.push(call);
      if (got.length === 3) for (const each of got.toReversed()) peer.write({ ...each, text: `${each.text}!` });
    });
    const seen = h.observed(forkJoin([1, 2, 3].map((id) => request({ id, text: `hello ${id}` }))));
    await seen.ended;
    expect(seen.values).toStrictEqual([[1, 2, 3].map((id) => ({ id, text: `hello ${id}!` }))]);
  });

  spec('writes a request at each subscription, and not before', async (h) => {
    const { client, peer, received } = orderedPair(h);
    const pipeline = requests(client);
    const hello$ = pipeline.request('hello');
    await ticks();
    expect([received, pipeline.pending]).toStrictEqual([[], 0]);
    const seen = [h.observed(hello$), h.observed(hello$)];
    await h.until(() => received.length === 2, 'both requests arrive');
    expect(pipeline.pending).toBe(2);
    peer.write('one');
    peer.write('two');
    expect(await Promise.all(seen.map(async (each) => (await each.ended).values))).toStrictEqual([['one'], ['two']]);
    expect(pipeline.pending).toBe(0);
  });

  spec('keeps the place of a request that was unsubscribed', async (h) => {
    const { client, peer, received } = orderedPair(h);
    const { request, unmatched$ } = requests(client);
    const unmatched = h.observed(unmatched$);
    const first = h.observed(request('first'));
    const second = h.observed(request('second'));
    first.unsubscribe();
    await h.until(() => received.length === 2, 'both requests arrive');
    peer.write('to the first');
    peer.write('to the second');
    expect((await second.ended).values).toStrictEqual(['to the second']);
    expect(unmatched.values).toStrictEqual([]);
  });

  spec('rejects a request with the id of a pending one', async (h) => {
    const { client } = pairWithIds(h);
    const { request } = requests(client, byId);
    const first = h.observed(request({ id: 1, text: 'a' }));
    h.error((await h.observed(request({ id: 1, text: 'b' })).ended).error, { code: EPROTOCOL, phase: 'write', fatal: false });
    expect(first.state).toBe('open');
    first.unsubscribe();
  });

  spec('does not count abandoned ids toward maxPending', (h) => {
    const { client } = pairWithIds(h);
    const pipeline = requests(client, { ...byId, maxPending: 1 });
    for (let id = 1; id <= 3; id += 1) {
      const seen = h.observed(pipeline.request({ id, text: 'a' }));
      expect([seen.state, pipeline.pending]).toStrictEqual(['open', 1]);
      seen.unsubscribe();
    }
    expect(pipeline.pending).toBe(0);
  });

  spec('emits an unrequested message on unmatched$, not as the reply to a later request', async (h) => {
    const { client, peer, received } = orderedPair(h);
    const { request, unmatched$ } = requests(client);
    const unmatched = h.observed(unmatched$);
    peer.write('welcome');
    await unmatched.value();
    const seen = h.observed(request('hello'));
    await h.until(() => received.length === 1, 'the request arrives');
    peer.write('to hello');
    expect((await seen.ended).values).toStrictEqual(['to hello']);
    expect(unmatched.values).toStrictEqual(['welcome']);
  });

  spec('rejects more than maxPending requests, and in order counts abandoned ones too', async (h) => {
    const { client, peer, received } = orderedPair(h);
    const { request } = requests(client, { maxPending: 2 });
    h.observed(request('a')).unsubscribe();
    const second = h.observed(request('b'));
    h.error((await h.observed(request('c')).ended).error, { code: EOUTBUFLIMIT, fatal: false });
    await h.until(() => received.length === 2, 'the requests arrive');
    peer.write('to a');
    peer.write('to b');
    await second.ended;
    h.observed(request('d'));
    await h.until(() => received.length === 3, 'the request arrives');
    expect(received).toStrictEqual(['a', 'b', 'd']);
  });

  spec('awaits the reply to a request that is encoded asynchronously', async (h) => {
    const [a, b] = streamPair(h);
    const peer = framed(b, codec);
    peer.messages$.subscribe((line) => peer.write(`${line}!`));
    const { request } = requests(framed(a, { decode: codec.decode, encode: () => (message$) => message$.pipe(delay(1), codec.encode()) }));
    expect((await h.observed(request('a')).ended).values).toStrictEqual(['a!']);
  });

  spec('accepts a request from inside the reply to the previous one', async (h) => {
    const { client, peer } = orderedPair(h);
    peer.messages$.subscribe((line) => peer.write(line));
    const { request } = requests(client);
    const countdown = (from: number): Observable<string> =>
      new Observable((out) => {
        const ask = (left: number): void => {
          request(String(left)).subscribe({
            next: (reply) => {
              out.next(reply);
              if (left > 1) ask(left - 1);
              else out.complete();
            },
            error: (error: unknown) => out.error(error),
          });
        };
        ask(from);
      });
    const seen = h.observed(countdown(3000).pipe(toArray()));
    await seen.ended;
    expect(seen.values[0]?.length).toBe(3000);
  });

  it('throws a TypeError for wrong options at the call', () => {
    const never = {} as Framed<string>;
    for (const [options, name] of [
      [{ match: 'id' }, 'match'],
      [{ timeout: -1 }, 'timeout'],
      [{ timeout: '5' }, 'timeout'],
      [{ maxPending: 0 }, 'maxPending'],
    ] as const)
      expect(() => requests(never, options as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(new RegExp(`expected \`${name}\``)) }),
      );
  });

  spec('throws a TypeError that names a wrong argument, and the code to write', (h) => {
    const [io] = streamPair(h);
    const call = requests as (framed: unknown) => unknown;
    for (const [wrong, message] of [
      [io, 'got a stream; write requests(framed(io, codec))'],
      [connect({ host: '127.0.0.1', port: 1 }), 'got an Observable; write connect(…).pipe(switchMap((io) => requests(framed(io, codec))))'],
      [codec, 'got an object (Object); write requests(framed(io, codec))'],
      [undefined, 'got undefined; write requests(framed(io, codec))'],
      [{ ...framed(io, codec), io: {} }, 'got an object (Object); write requests(framed(io, codec))'],
    ] as const)
      expect(() => call(wrong)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: `expected requests() to get what framed() returns, ${message}` }),
      );
  });
});
