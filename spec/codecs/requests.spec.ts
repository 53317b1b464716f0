import assert from 'node:assert/strict';
import { concatMap, delay, filter, forkJoin, from, mergeMap, NEVER, Observable, range, toArray } from 'rxjs';
import { describe, it } from 'vitest';
import { framed, type Framed } from '../../src/codecs/framed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { ndjson } from '../../src/codecs/ndjson.ts';
import { requests, type RequestsOptions } from '../../src/codecs/requests.ts';
import { ECLOSED, EFRAMELIMIT, EOUTBUFLIMIT, EPROTOCOL, type IOStreamError } from '../../src/errors.ts';
import { invariants, type Harness } from '../support/harness.ts';
import { joined, ticks, turns, unhandled, virtually, type Options } from '../stream/tools.ts';

const codec = lines({ maxLength: 64 });

interface Call {
  readonly id?: number;
  readonly says: string;
}
const json = ndjson<Call>({ maxLength: 256 });
const byId: RequestsOptions<Call, Call> = { match: ({ id }) => id };

/** A stream of lines, and its peer, who answers when he is told to. */
function inOrder(
  h: Harness,
  options: Options = {},
): { client: Framed<string, string | Uint8Array>; peer: Framed<string, string | Uint8Array>; heard: string[] } {
  const [a, b] = joined(h, options);
  const peer = framed(b, codec);
  const heard: string[] = [];
  peer.messages$.subscribe({ next: (line) => heard.push(line), error: () => {} });
  return { client: framed(a, codec), peer, heard };
}

function withIds(h: Harness): { client: Framed<Call>; peer: Framed<Call> } {
  const [a, b] = joined(h);
  return { client: framed(a, json), peer: framed(b, json) };
}

describe('requests', () => {
  it(
    'gives each request its own reply, in order, however many are on their way',
    invariants(async (h) => {
      const { client, peer } = inOrder(h);
      const answering = h.observed(peer.messages$);
      peer.messages$.subscribe((line) => peer.write(`${line}!`));
      const { request } = requests(client);
      const all = Array.from({ length: 5000 }, (_, each) => String(each));
      const seen = h.observed(from(all).pipe(mergeMap((each) => request(each).pipe(mergeMap((reply) => [[each, reply]])))));
      await seen.ended;
      assert.deepEqual(
        seen.values,
        all.map((each) => [each, `${each}!`]),
      );
      assert.deepEqual(answering.values, all);
    }),
  );

  it(
    'matches replies by id, in any order',
    invariants(async (h) => {
      const { client, peer } = withIds(h);
      const { request } = requests(client, byId);
      const got: Call[] = [];
      peer.messages$.subscribe((call) => {
        got.push(call);
        if (got.length === 3) for (const each of got.toReversed()) peer.write({ ...each, says: `${each.says}!` });
      });
      const seen = h.observed(forkJoin([1, 2, 3].map((id) => request({ id, says: `hello ${id}` }))));
      await seen.ended;
      assert.deepEqual(seen.values, [[1, 2, 3].map((id) => ({ id, says: `hello ${id}!` }))]);
    }),
  );

  it(
    'writes a request each time it is subscribed, not before',
    invariants(async (h) => {
      const { client, peer, heard } = inOrder(h);
      const lineup = requests(client);
      const hello$ = lineup.request('hello');
      await ticks();
      assert.deepEqual([heard, lineup.pending], [[], 0]);
      const seen = [h.observed(hello$), h.observed(hello$)];
      await h.until(() => heard.length === 2, 'both are there');
      assert.equal(lineup.pending, 2);
      peer.write('one');
      peer.write('two');
      assert.deepEqual(await Promise.all(seen.map(async (each) => (await each.ended).values)), [['one'], ['two']]);
      assert.equal(lineup.pending, 0);
    }),
  );

  it(
    'keeps the place of a request that was unsubscribed',
    invariants(async (h) => {
      const { client, peer, heard } = inOrder(h);
      const { request, unmatched$ } = requests(client);
      const unmatched = h.observed(unmatched$);
      const first = h.observed(request('first'));
      const second = h.observed(request('second'));
      first.unsubscribe();
      await h.until(() => heard.length === 2, 'both are there');
      peer.write('to the first');
      peer.write('to the second');
      assert.deepEqual((await second.ended).values, ['to the second']);
      assert.deepEqual(unmatched.values, []);
    }),
  );

  it('gives each request its own time on the clock of the stream, and late replies to nobody', () => {
    const log = virtually(1000, (v) => {
      const [a, b] = v.joined();
      const client = framed(a, codec);
      const peer = framed(b, codec);
      peer.messages$.subscribe({ error: () => {} });
      const { request } = requests(client, { timeout: 100 });
      const ask = (text: string): void => {
        request(text).subscribe({
          next: (reply) => v.note(`${text}: ${reply}`),
          error: (error: unknown) => v.note(`${text}: ${(error as IOStreamError).code}`),
        });
      };
      v.at(0, () => ask('a'));
      v.at(50, () => ask('b'));
      v.at(60, () => ask('c'));
      v.at(120, () => peer.write('to a'));
      v.at(130, () => peer.write('to b'));
      v.at(170, () => ask('d'));
      v.at(200, () => peer.write('to c'));
      v.at(210, () => peer.write('to d'));
    });
    assert.deepEqual(log, ['100 a: ETIMEDOUT', '130 b: to b', '160 c: ETIMEDOUT', '210 d: to d']);
  });

  it('says how long it waited, and does not close the stream', () => {
    let error: unknown;
    const log = virtually(1000, (v) => {
      const [a, b] = v.joined();
      framed(b, codec).messages$.subscribe({ error: () => {} });
      requests(framed(a, codec), { timeout: 100 })
        .request('a')
        .subscribe({ error: (each: unknown) => (error = each) });
      v.at(900, () => v.note(a.state));
    });
    assert.match(String(error), /within 100 ms/);
    assert.deepEqual(log, ['900 open']);
  });

  it('takes one timer for all requests, also for those that are sent when the last is answered', () => {
    const waits: number[] = [];
    const log = virtually(1000, (v) => {
      const [a, b] = v.joined({ timeouts: { write: Infinity } }, { timeouts: { write: Infinity } });
      const peer = framed(b, codec);
      peer.messages$.subscribe({ next: (line) => line !== 'late' && peer.write(line), error: () => {} });
      const { request } = requests(framed(a, codec), { timeout: 100 });
      const schedule = v.scheduler.schedule.bind(v.scheduler);
      v.scheduler.schedule = (work: () => void, delay = 0, state?: undefined) => {
        if (delay > 0 && delay <= 100) waits.push(delay);
        return schedule(work, delay, state);
      };
      range(0, 50)
        .pipe(concatMap((each) => request(String(each))))
        .subscribe({ complete: () => v.note('50 answered') });
      schedule(() => request('late').subscribe({ error: (error: unknown) => v.note((error as IOStreamError).code) }), 60);
    });
    assert.deepEqual(log, ['0 50 answered', '160 ETIMEDOUT']);
    // When the first is sent; and when that is over, for what is left of the time of the last.
    assert.deepEqual(waits, [100, 60]);
  });

  it('waits for ever when asked to, and leaves no timer when nothing is waited for', () => {
    for (const timeout of [0, Infinity]) {
      const log = virtually(1e9, (v) => {
        const [a] = v.joined();
        requests(framed(a, codec), { timeout })
          .request('a')
          .subscribe({ error: () => v.note('error') });
      });
      assert.deepEqual(log, []);
    }
  });

  it(
    'keeps the id of a request given up until its reply came, and refuses it meanwhile',
    invariants(async (h) => {
      const { client, peer } = withIds(h);
      const calls = h.observed(peer.messages$);
      const { request, unmatched$ } = requests(client, byId);
      const unmatched = h.observed(unmatched$);
      h.observed(request({ id: 1, says: 'a' })).unsubscribe();
      const twice = await h.observed(request({ id: 1, says: 'b' })).ended;
      h.error(twice.error, { code: EPROTOCOL, phase: 'write', fatal: false });
      await calls.value();
      peer.write({ id: 1, says: 'to a' });
      peer.write({ says: 'a push' });
      peer.write({ id: 9, says: 'to nobody' });
      await h.until(() => unmatched.values.length === 2, 'the pushes');
      assert.deepEqual(unmatched.values, [{ says: 'a push' }, { id: 9, says: 'to nobody' }]);
      const again = h.observed(request({ id: 1, says: 'c' }));
      await calls.value(({ says }) => says === 'c');
      peer.write({ id: 1, says: 'to c' });
      assert.deepEqual((await again.ended).values, [{ id: 1, says: 'to c' }]);
      assert.deepEqual(
        calls.values.map(({ says }) => says),
        ['a', 'c'],
      );
    }),
  );

  it(
    'does not take what comes unasked for the reply to a later request',
    invariants(async (h) => {
      const { client, peer, heard } = inOrder(h);
      const { request, unmatched$ } = requests(client);
      const unmatched = h.observed(unmatched$);
      peer.write('welcome');
      await unmatched.value();
      const seen = h.observed(request('hello'));
      await h.until(() => heard.length === 1, 'it is there');
      peer.write('to hello');
      assert.deepEqual((await seen.ended).values, ['to hello']);
      assert.deepEqual(unmatched.values, ['welcome']);
    }),
  );

  it(
    'fails every open request with the error of the stream, and all later ones',
    invariants(async (h) => {
      const { client, peer } = inOrder(h);
      const { request, unmatched$ } = requests(client);
      const seen = [h.observed(request('a')), h.observed(request('b')), h.observed(unmatched$)];
      await ticks();
      peer.io.reset();
      for (const each of seen) h.error((await each.ended).error, { code: 'ECONNRESET' });
      h.error((await h.observed(request('c')).ended).error, { code: 'ECONNRESET' });
    }),
  );

  for (const [who, leave] of [
    ['the peer ends', ({ peer }) => peer.io.end()],
    ['we close', ({ client }) => client.io.close()],
  ] as [string, (ends: ReturnType<typeof inOrder>) => void][])
    it(
      `fails every open request with ECLOSED when ${who}, and all later ones`,
      invariants(async (h) => {
        const ends = inOrder(h);
        const lineup = requests(ends.client);
        const seen = [h.observed(lineup.request('a')), h.observed(lineup.request('b'))];
        await ticks();
        leave(ends);
        for (const each of seen) h.error((await each.ended).error, { code: ECLOSED, phase: 'read' });
        h.error((await h.observed(lineup.request('c')).ended).error, { code: ECLOSED });
        assert.equal(lineup.pending, 0);
      }),
    );

  it(
    'refuses more than maxPending, given up ones included',
    invariants(async (h) => {
      const { client, peer, heard } = inOrder(h);
      const { request } = requests(client, { maxPending: 2 });
      h.observed(request('a')).unsubscribe();
      const second = h.observed(request('b'));
      h.error((await h.observed(request('c')).ended).error, { code: EOUTBUFLIMIT, fatal: false });
      await h.until(() => heard.length === 2, 'they are there');
      peer.write('to a');
      peer.write('to b');
      await second.ended;
      h.observed(request('d'));
      await h.until(() => heard.length === 3, 'it is there');
      assert.deepEqual(heard, ['a', 'b', 'd']);
    }),
  );

  it(
    'fails a request that the stream does not take, and gives it no place in the line',
    invariants(async (h) => {
      const { client, peer, heard } = inOrder(h, { isFatal: () => false });
      const errors = h.observed(client.io.errors$);
      const { request } = requests(client);
      h.error((await h.observed(request('x'.repeat(65))).ended).error, { code: EFRAMELIMIT, phase: 'write' });
      const seen = h.observed(request('a'));
      await h.until(() => heard.length === 1, 'it is there');
      peer.write('to a');
      assert.deepEqual((await seen.ended).values, ['to a']);
      h.error(errors.values[0], { code: EFRAMELIMIT, phase: 'write' });
    }),
  );

  it(
    'fails a request with what refused it: a full stream, a closed one',
    invariants(async (h) => {
      const { client, heard } = inOrder(h, { outBufLimit: 1, isFatal: () => false });
      client.io.errors$.subscribe();
      const { request } = requests(client);
      h.observed(request('a'));
      h.error((await h.observed(request('b')).ended).error, { code: EOUTBUFLIMIT });
      await h.until(() => heard.length === 1, 'it is there');
      client.io.end();
      h.error((await h.observed(request('c')).ended).error, { code: ECLOSED, phase: 'write' });
    }),
  );

  it(
    'waits for the reply also of a request that is encoded later',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const peer = framed(b, codec);
      peer.messages$.subscribe((line) => peer.write(`${line}!`));
      const { request } = requests(
        framed(a, { decode: codec.decode, encode: () => (message$) => message$.pipe(delay(1), codec.encode()) }),
      );
      assert.deepEqual((await h.observed(request('a')).ended).values, ['a!']);
    }),
  );

  it(
    'fails a request without an id, one whose match throws, and the stream when that of a reply does',
    invariants(async (h) => {
      const { client, peer } = withIds(h);
      const why = new Error('why');
      const match = ({ id, says }: Call): unknown => {
        if (says === 'boom') throw why;
        return id;
      };
      const { request } = requests(client, { match });
      const errors = h.observed(client.io.errors$);
      h.error((await h.observed(request({ says: 'a' })).ended).error, { code: EPROTOCOL, phase: 'write' });
      assert.equal((await h.observed(request({ says: 'boom' })).ended).error, why);
      const seen = h.observed(request({ id: 1, says: 'a' }));
      peer.messages$.subscribe({ next: () => peer.write({ id: 1, says: 'boom' }), error: () => {} });
      h.error((await seen.ended).error, { code: EPROTOCOL, phase: 'read' });
      assert.equal((seen.error as Error).cause, why);
      await errors.ended;
      assert.deepEqual(errors.values, [seen.error]);
    }),
  );

  describe('an error of the stream', () => {
    type Ends = ReturnType<typeof inOrder>;
    const FAILURES: readonly (readonly [what: string, code: string, fail: (ends: Ends) => void])[] = [
      ['of the wire', 'ECONNRESET', ({ peer }) => peer.io.reset()],
      ['of the codec', EFRAMELIMIT, ({ peer }) => peer.io.write('x'.repeat(70))],
      ['of match', EPROTOCOL, ({ peer }) => peer.write('boom')],
    ];
    const deaf = { error: (): void => {} };
    const match = (line: string | Uint8Array): unknown => {
      if (line === 'boom') throw new Error('why');
      return line;
    };

    for (const [what, code, fail] of FAILURES) {
      it(
        `${what} that nobody is told is reported once: not to a request that was given up, answered or late`,
        invariants(async (h) => {
          const reported = unhandled(h);
          const ends = inOrder(h);
          const { request, pending } = requests(ends.client, { match, timeout: 20 });
          h.observed(request('given up')).unsubscribe();
          const late = h.observed(request('late'));
          const answered = h.observed(request('answered'));
          await h.until(() => ends.heard.length === 3, 'they are there');
          ends.peer.write('answered');
          await answered.ended;
          h.error((await late.ended).error, { code: 'ETIMEDOUT' });
          assert.equal(pending, 0);
          fail(ends);
          await h.until(() => reported.length > 0, 'the report');
          await turns();
          assert.equal(reported.length, 1);
          h.error(reported[0], { code });
          h.error((await h.observed(request('later')).ended).error, { code });
        }),
      );

      for (const [who, listen] of [
        ['an open request', ({ request }) => void request('open').subscribe(deaf)],
        ['unmatched$', ({ unmatched$ }) => void unmatched$.subscribe(deaf)],
        ['messages$', (_line, { messages$ }) => void messages$.subscribe(deaf)],
        ['errors$', (_line, { io }) => void io.errors$.subscribe()],
        ['data$', (_line, { io }) => void io.data$.subscribe(deaf)],
        ['cb', (_line, { io }) => void (io.cb = () => {})],
      ] as [string, (line: ReturnType<typeof requests<string, string | Uint8Array>>, client: Ends['client']) => void][])
        it(
          `${what} is not reported when it is told to ${who}`,
          invariants(async (h) => {
            const reported = unhandled(h);
            const ends = inOrder(h);
            listen(requests(ends.client, { match }), ends.client);
            await ticks();
            fail(ends);
            await h.until(() => ends.client.io.state === 'closed', 'the close');
            await turns();
            assert.deepEqual(reported, []);
          }),
        );
    }

    it(
      'is not reported when it is told to a handler of the messages',
      invariants(async (h) => {
        const reported = unhandled(h);
        const { client, peer } = inOrder(h);
        requests(client);
        const handled = h.observed(client.consume(() => NEVER));
        await ticks();
        peer.io.reset();
        h.error((await handled.ended).error, { code: 'ECONNRESET' });
        await turns();
        assert.deepEqual(reported, []);
      }),
    );

    it(
      'is reported once, however many requests() there are',
      invariants(async (h) => {
        const reported = unhandled(h);
        const { client, peer } = inOrder(h);
        requests(client);
        requests(client);
        await ticks();
        peer.io.reset();
        await h.until(() => reported.length > 0, 'the report');
        await turns();
        assert.equal(reported.length, 1);
      }),
    );

    it(
      'is taken for heard when the messages come by operators',
      invariants(async (h) => {
        const reported = unhandled(h);
        const { client, peer } = inOrder(h);
        requests({ ...client, messages$: client.messages$.pipe(filter(() => true)) });
        await ticks();
        peer.io.reset();
        await h.until(() => client.io.state === 'closed', 'the close');
        await turns();
        assert.deepEqual(reported, []);
      }),
    );
  });

  it(
    'asks again from inside a reply',
    invariants(async (h) => {
      const { client, peer } = inOrder(h);
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
      assert.equal(seen.values[0]?.length, 3000);
    }),
  );

  it('refuses wrong options at the call', () => {
    const never = {} as Framed<string>;
    for (const [options, name] of [
      [{ match: 'id' }, 'match'],
      [{ timeout: -1 }, 'timeout'],
      [{ timeout: '5' }, 'timeout'],
      [{ maxPending: 0 }, 'maxPending'],
    ] as const)
      assert.throws(() => requests(never, options as never), { name: 'TypeError', message: new RegExp(`expected \`${name}\``) });
  });
});
