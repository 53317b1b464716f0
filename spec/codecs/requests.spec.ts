import {
  concatMap,
  delay,
  filter,
  forkJoin,
  from,
  mergeMap,
  NEVER,
  Observable,
  range,
  retry,
  Subscription,
  toArray,
  type SchedulerAction,
  type SchedulerLike,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import { framed, type Framed } from '../../src/codecs/framed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { ndjson } from '../../src/codecs/ndjson.ts';
import { requests, type RequestsOptions } from '../../src/codecs/requests.ts';
import { ECLOSED, EFRAMELIMIT, EOUTBUFLIMIT, EPROTOCOL, type IOStreamError } from '../../src/errors.ts';
import { connect } from '../../src/stream/connect.ts';
import { IOStream } from '../../src/stream/io-stream.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { closing, joined, owned, scripted, ticks, turns, unhandled, virtually, type Options } from '../stream/tools.ts';

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

/** A clock for few jobs at a time: the schedulers of RxJS sort all of them whenever one is added. */
class Ahead implements SchedulerLike {
  readonly #jobs = new Set<{ readonly at: number; readonly work: () => void }>();
  #now = 0;

  now(): number {
    return this.#now;
  }

  schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay = 0, state?: T): Subscription {
    const job = { at: this.#now + delay, work: () => work.call(new Subscription() as SchedulerAction<T>, state) };
    this.#jobs.add(job);
    return new Subscription(() => this.#jobs.delete(job));
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const job of this.#jobs) if (job.at <= this.#now && this.#jobs.delete(job)) job.work();
  }
}

describe('requests', () => {
  spec('gives each request its own reply, in order, however many are on their way', async (h) => {
    const { client, peer } = inOrder(h);
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
    const { client, peer } = withIds(h);
    const { request } = requests(client, byId);
    const got: Call[] = [];
    peer.messages$.subscribe((call) => {
      got.push(call);
      if (got.length === 3) for (const each of got.toReversed()) peer.write({ ...each, says: `${each.says}!` });
    });
    const seen = h.observed(forkJoin([1, 2, 3].map((id) => request({ id, says: `hello ${id}` }))));
    await seen.ended;
    expect(seen.values).toStrictEqual([[1, 2, 3].map((id) => ({ id, says: `hello ${id}!` }))]);
  });

  spec('writes a request each time it is subscribed, not before', async (h) => {
    const { client, peer, heard } = inOrder(h);
    const lineup = requests(client);
    const hello$ = lineup.request('hello');
    await ticks();
    expect([heard, lineup.pending]).toStrictEqual([[], 0]);
    const seen = [h.observed(hello$), h.observed(hello$)];
    await h.until(() => heard.length === 2, 'both are there');
    expect(lineup.pending).toBe(2);
    peer.write('one');
    peer.write('two');
    expect(await Promise.all(seen.map(async (each) => (await each.ended).values))).toStrictEqual([['one'], ['two']]);
    expect(lineup.pending).toBe(0);
  });

  spec('keeps the place of a request that was unsubscribed', async (h) => {
    const { client, peer, heard } = inOrder(h);
    const { request, unmatched$ } = requests(client);
    const unmatched = h.observed(unmatched$);
    const first = h.observed(request('first'));
    const second = h.observed(request('second'));
    first.unsubscribe();
    await h.until(() => heard.length === 2, 'both are there');
    peer.write('to the first');
    peer.write('to the second');
    expect((await second.ended).values).toStrictEqual(['to the second']);
    expect(unmatched.values).toStrictEqual([]);
  });

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
    expect(log).toStrictEqual(['100 a: ETIMEDOUT', '130 b: to b', '160 c: ETIMEDOUT', '210 d: to d']);
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
    expect(String(error)).toMatch(/within 100 ms/);
    expect(log).toStrictEqual(['900 open']);
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
    expect(log).toStrictEqual(['0 50 answered', '160 ETIMEDOUT']);
    // When the first is sent; and when that is over, for what is left of the time of the last.
    expect(waits).toStrictEqual([100, 60]);
  });

  it('waits for ever when asked to, and leaves no timer when nothing is waited for', () => {
    for (const timeout of [0, Infinity]) {
      const log = virtually(1e9, (v) => {
        const [a] = v.joined();
        requests(framed(a, codec), { timeout })
          .request('a')
          .subscribe({ error: () => v.note('error') });
      });
      expect(log).toStrictEqual([]);
    }
  });

  for (const [how, giveUp] of [
    ['unsubscribed', (first) => first.unsubscribe()],
    ['late', (first) => first.ended],
  ] as [string, (first: ObserverSpy<Call>) => unknown][])
    spec(
      `frees the id of a request that is ${how}: the reply goes to the newest request with it, and further ones to unmatched$`,
      async (h) => {
        const { client, peer } = withIds(h);
        const calls = h.observed(peer.messages$);
        const lineup = requests(client, { ...byId, timeout: how === 'late' ? 20 : 0 });
        const unmatched = h.observed(lineup.unmatched$);
        const first = h.observed(lineup.request({ id: 1, says: 'a' }));
        await giveUp(first);
        expect(lineup.pending).toBe(0);
        const again = h.observed(lineup.request({ id: 1, says: 'b' }));
        await calls.value(({ says }) => says === 'b');
        peer.write({ id: 1, says: 'to a' });
        peer.write({ id: 1, says: 'to b' });
        peer.write({ says: 'a push' });
        expect((await again.ended).values).toStrictEqual([{ id: 1, says: 'to a' }]);
        await h.until(() => unmatched.values.length === 2, 'the rest');
        expect(unmatched.values).toStrictEqual([{ id: 1, says: 'to b' }, { says: 'a push' }]);
        expect(first.values).toStrictEqual([]);
      },
    );

  spec('may be retried with its id at each timeout, from inside its error', async (h) => {
    const { client, peer } = withIds(h);
    const calls = h.observed(peer.messages$);
    peer.messages$.subscribe((call) => calls.values.length > 2 && peer.write(call));
    const { request } = requests(client, { ...byId, timeout: 20 });
    const seen = h.observed(request({ id: 7, says: 'hello' }).pipe(retry(5)));
    expect((await seen.ended).values).toStrictEqual([{ id: 7, says: 'hello' }]);
  });

  spec('refuses the id of a request that waits', async (h) => {
    const { client } = withIds(h);
    const { request } = requests(client, byId);
    const first = h.observed(request({ id: 1, says: 'a' }));
    h.error((await h.observed(request({ id: 1, says: 'b' })).ended).error, { code: EPROTOCOL, phase: 'write', fatal: false });
    expect(first.state).toBe('open');
    first.unsubscribe();
  });

  spec('does not count ids given up against maxPending', (h) => {
    const { client } = withIds(h);
    const lineup = requests(client, { ...byId, maxPending: 1 });
    for (let id = 1; id <= 3; id += 1) {
      const seen = h.observed(lineup.request({ id, says: 'a' }));
      expect([seen.state, lineup.pending]).toStrictEqual(['open', 1]);
      seen.unsubscribe();
    }
    expect(lineup.pending).toBe(0);
  });

  it('looks at a request that times out once, however many have timed out before', () => {
    const perRequest = (count: number): number => {
      const scheduler = new Ahead();
      const io = new IOStream({ wire: scripted().wire, scheduler, timeouts: { write: 0, idle: 0, establish: 0 }, outBufLimit: 0 });
      io.errors$.subscribe();
      const { request } = requests(framed(io, codec), { timeout: 1000, maxPending: count });
      let late = 0;
      const start = process.cpuUsage();
      for (let each = 0; each < 2 * count; each += 1) {
        if (each < count) request('a').subscribe({ error: () => (late += 1) });
        scheduler.pass(1000 / count);
      }
      const { user } = process.cpuUsage(start);
      expect(late > count * 0.9, `${late} of ${count} are late`).toBe(true);
      io.reset();
      return user / count;
    };
    perRequest(2000); // warm
    const [few, many] = [perRequest(2000), perRequest(64_000)];
    expect(many < few * 3, `${few} µs a request for 2,000, ${many} µs for 64,000`).toBe(true);
  });

  spec('does not take what comes unasked for the reply to a later request', async (h) => {
    const { client, peer, heard } = inOrder(h);
    const { request, unmatched$ } = requests(client);
    const unmatched = h.observed(unmatched$);
    peer.write('welcome');
    await unmatched.value();
    const seen = h.observed(request('hello'));
    await h.until(() => heard.length === 1, 'it is there');
    peer.write('to hello');
    expect((await seen.ended).values).toStrictEqual(['to hello']);
    expect(unmatched.values).toStrictEqual(['welcome']);
  });

  spec('fails every open request with the error of the stream, and all later ones', async (h) => {
    const { client, peer } = inOrder(h);
    const { request, unmatched$ } = requests(client);
    const seen = [h.observed(request('a')), h.observed(request('b')), h.observed(unmatched$)];
    await ticks();
    peer.io.reset();
    for (const each of seen) h.error((await each.ended).error, { code: 'ECONNRESET' });
    h.error((await h.observed(request('c')).ended).error, { code: 'ECONNRESET' });
  });

  for (const [who, leave] of [
    ['the peer ends', ({ peer }) => peer.io.end()],
    ['we close', ({ client }) => client.io.close()],
  ] as [string, (ends: ReturnType<typeof inOrder>) => void][])
    spec(`fails every open request with ECLOSED when ${who}, and all later ones`, async (h) => {
      const ends = inOrder(h);
      const lineup = requests(ends.client);
      const seen = [h.observed(lineup.request('a')), h.observed(lineup.request('b'))];
      await ticks();
      leave(ends);
      for (const each of seen) h.error((await each.ended).error, { code: ECLOSED, phase: 'read' });
      h.error((await h.observed(lineup.request('c')).ended).error, { code: ECLOSED });
      expect(lineup.pending).toBe(0);
    });

  spec('gives open requests nothing when the owner of the stream unsubscribes, and later ones ECLOSED', async (h) => {
    const [near, far] = memoryPair();
    const [peer] = owned(h, new IOStream({ wire: far }));
    const connection = h.observed(connect({ wire: near }));
    const lineup = requests(framed(await connection.value(), codec), { timeout: 20 });
    const open = h.observed(lineup.request('a'));
    await ticks();
    connection.unsubscribe();
    peer.end();
    await closing(peer);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([open.state, lineup.pending]).toStrictEqual(['open', 0]);
    h.error((await h.observed(lineup.request('b')).ended).error, { code: ECLOSED });
  });

  spec('refuses more than maxPending, given up ones included', async (h) => {
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
    expect(heard).toStrictEqual(['a', 'b', 'd']);
  });

  spec('fails a request that cannot be encoded alone: it has no place in the line, and the others go on', async (h) => {
    const reported = unhandled(h);
    const { client, peer, heard } = inOrder(h);
    const { request } = requests(client);
    const before = h.observed(request('a'));
    h.error((await h.observed(request('x'.repeat(65))).ended).error, { code: EFRAMELIMIT, phase: 'write', fatal: false });
    h.error((await h.observed(request('a\nb')).ended).error, { code: EPROTOCOL, phase: 'write', fatal: false });
    const after = h.observed(request('b'));
    await h.until(() => heard.length === 2, 'both are there');
    peer.write('to a');
    peer.write('to b');
    expect([(await before.ended).values, (await after.ended).values]).toStrictEqual([['to a'], ['to b']]);
    expect(client.io.state).toBe('open');
    expect(reported).toStrictEqual([]);
  });

  spec('fails a request that the stream refuses alone: a full stream, an ended one', async (h) => {
    const { client, heard } = inOrder(h, { outBufLimit: 1 });
    const errors = h.observed(client.io.errors$);
    const { request } = requests(client);
    const seen = h.observed(request('a'));
    h.error((await h.observed(request('b')).ended).error, { code: EOUTBUFLIMIT });
    await h.until(() => heard.length === 1, 'it is there');
    await turns();
    expect([seen.state, client.io.state, errors.values]).toStrictEqual(['open', 'open', []]);
    client.io.end();
    h.error((await h.observed(request('c')).ended).error, { code: ECLOSED, phase: 'write' });
    await errors.ended;
    expect(errors.values).toStrictEqual([]);
  });

  spec('waits for the reply also of a request that is encoded later', async (h) => {
    const [a, b] = joined(h);
    const peer = framed(b, codec);
    peer.messages$.subscribe((line) => peer.write(`${line}!`));
    const { request } = requests(framed(a, { decode: codec.decode, encode: () => (message$) => message$.pipe(delay(1), codec.encode()) }));
    expect((await h.observed(request('a')).ended).values).toStrictEqual(['a!']);
  });

  spec('fails a request without an id, one whose match throws, and the stream when that of a reply does', async (h) => {
    const { client, peer } = withIds(h);
    const why = new Error('why');
    const match = ({ id, says }: Call): unknown => {
      if (says === 'boom') throw why;
      return id;
    };
    const { request } = requests(client, { match });
    const errors = h.observed(client.io.errors$);
    h.error((await h.observed(request({ says: 'a' })).ended).error, { code: EPROTOCOL, phase: 'write' });
    expect((await h.observed(request({ says: 'boom' })).ended).error).toBe(why);
    const seen = h.observed(request({ id: 1, says: 'a' }));
    peer.messages$.subscribe({ next: () => peer.write({ id: 1, says: 'boom' }), error: () => {} });
    h.error((await seen.ended).error, { code: EPROTOCOL, phase: 'read' });
    expect((seen.error as Error).cause).toBe(why);
    await errors.ended;
    expect(errors.values).toStrictEqual([seen.error]);
  });

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
      spec(`${what} that nobody is told is reported once: not to a request that was given up, answered or late`, async (h) => {
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
        expect(pending).toBe(0);
        fail(ends);
        await h.until(() => reported.length > 0, 'the report');
        await turns();
        expect(reported.length).toBe(1);
        h.error(reported[0], { code });
        h.error((await h.observed(request('later')).ended).error, { code });
      });

      for (const [who, listen] of [
        ['an open request', ({ request }) => void request('open').subscribe(deaf)],
        ['unmatched$', ({ unmatched$ }) => void unmatched$.subscribe(deaf)],
        ['messages$', (_line, { messages$ }) => void messages$.subscribe(deaf)],
        ['errors$', (_line, { io }) => void io.errors$.subscribe()],
        ['data$', (_line, { io }) => void io.data$.subscribe(deaf)],
        ['cb', (_line, { io }) => void (io.cb = () => {})],
      ] as [string, (line: ReturnType<typeof requests<string, string | Uint8Array>>, client: Ends['client']) => void][])
        spec(`${what} is not reported when it is told to ${who}`, async (h) => {
          const reported = unhandled(h);
          const ends = inOrder(h);
          listen(requests(ends.client, { match }), ends.client);
          await ticks();
          fail(ends);
          await h.until(() => ends.client.io.state === 'closed', 'the close');
          await turns();
          expect(reported).toStrictEqual([]);
        });
    }

    spec('is not reported when it is told to a handler of the messages', async (h) => {
      const reported = unhandled(h);
      const { client, peer } = inOrder(h);
      requests(client);
      const handled = h.observed(client.consume(() => NEVER));
      await ticks();
      peer.io.reset();
      h.error((await handled.ended).error, { code: 'ECONNRESET' });
      await turns();
      expect(reported).toStrictEqual([]);
    });

    spec('is reported once, however many requests() there are', async (h) => {
      const reported = unhandled(h);
      const { client, peer } = inOrder(h);
      requests(client);
      requests(client);
      await ticks();
      peer.io.reset();
      await h.until(() => reported.length > 0, 'the report');
      await turns();
      expect(reported.length).toBe(1);
    });

    spec('is taken for heard when the messages come by operators', async (h) => {
      const reported = unhandled(h);
      const { client, peer } = inOrder(h);
      requests({ ...client, messages$: client.messages$.pipe(filter(() => true)) });
      await ticks();
      peer.io.reset();
      await h.until(() => client.io.state === 'closed', 'the close');
      await turns();
      expect(reported).toStrictEqual([]);
    });
  });

  spec('asks again from inside a reply', async (h) => {
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
    expect(seen.values[0]?.length).toBe(3000);
  });

  it('refuses wrong options at the call', () => {
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

  spec('names what it gets instead of framed messages, and what to write', (h) => {
    const [io] = joined(h);
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
