import { concatMap, range, retry, Subscription, type SchedulerAction, type SchedulerLike } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { framed } from '../../../src/codecs/framed/framed.ts';
import { requests } from '../../../src/codecs/requests/requests.ts';
import type { IOStreamError } from '../../../src/errors.ts';
import { IOStream } from '../../../src/stream/io-stream.ts';
import { spec } from '../../support/spec.ts';
import type { ObserverSpy } from '../../support/observer-spy.ts';
import { scriptedStream, inVirtualTime } from '../../stream/tools.ts';
import { byId, codec, type Call, pairWithIds } from './clients.ts';
import { cpuTime } from '../../support/cpu-time.ts';

/** A virtual clock for few actions at a time. The schedulers of RxJS sort all of them whenever one is added. */
class SparseScheduler implements SchedulerLike {
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

describe('timeouts of requests', () => {
  it('times out each request on the scheduler of the stream, and drops late replies', () => {
    const log = inVirtualTime(1000, (v) => {
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

  it('reports the timeout in milliseconds, and leaves the stream open', () => {
    let error: unknown;
    const log = inVirtualTime(1000, (v) => {
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

  it('uses one timer for all requests, including those sent one after the other', () => {
    const waits: number[] = [];
    const log = inVirtualTime(1000, (v) => {
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
    // One when the first request is sent, and then one for the remaining time of the last.
    expect(waits).toStrictEqual([100, 60]);
  });

  it('never times out with a timeout of 0 or Infinity, and leaves no timer', () => {
    for (const timeout of [0, Infinity]) {
      const log = inVirtualTime(1e9, (v) => {
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
      `frees the id of a request that is ${how}: its reply goes to the newest request with this id, further ones to unmatched$`,
      async (h) => {
        const { client, peer } = pairWithIds(h);
        const calls = h.observed(peer.messages$);
        const pipeline = requests(client, { ...byId, timeout: how === 'late' ? 20 : 0 });
        const unmatched = h.observed(pipeline.unmatched$);
        const first = h.observed(pipeline.request({ id: 1, text: 'a' }));
        await giveUp(first);
        expect(pipeline.pending).toBe(0);
        const again = h.observed(pipeline.request({ id: 1, text: 'b' }));
        await calls.value(({ text }) => text === 'b');
        peer.write({ id: 1, text: 'to a' });
        peer.write({ id: 1, text: 'to b' });
        peer.write({ text: 'a push' });
        expect((await again.ended).values).toStrictEqual([{ id: 1, text: 'to a' }]);
        await h.until(() => unmatched.values.length === 2, 'the rest');
        expect(unmatched.values).toStrictEqual([{ id: 1, text: 'to b' }, { text: 'a push' }]);
        expect(first.values).toStrictEqual([]);
      },
    );

  spec('allows a retry with the same id from inside the error of a timeout', async (h) => {
    const { client, peer } = pairWithIds(h);
    const calls = h.observed(peer.messages$);
    peer.messages$.subscribe((call) => calls.values.length > 2 && peer.write(call));
    const { request } = requests(client, { ...byId, timeout: 20 });
    const seen = h.observed(request({ id: 7, text: 'hello' }).pipe(retry(5)));
    expect((await seen.ended).values).toStrictEqual([{ id: 7, text: 'hello' }]);
  });

  it('spends the same time on each timeout, however many requests have timed out before', () => {
    const perRequest = (count: number): number => {
      const scheduler = new SparseScheduler();
      const io = new IOStream({ wire: scriptedStream().wire, scheduler, timeouts: { write: 0, idle: 0, establish: 0 }, outBufLimit: 0 });
      io.errors$.subscribe();
      const { request } = requests(framed(io, codec), { timeout: 1000, maxPending: count });
      let late = 0;
      const start = cpuTime();
      for (let each = 0; each < 2 * count; each += 1) {
        if (each < count) request('a').subscribe({ error: () => (late += 1) });
        scheduler.pass(1000 / count);
      }
      const took = cpuTime() - start;
      expect(late > count * 0.9, `${late} of ${count} are late`).toBe(true);
      io.reset();
      return (took * 1000) / count;
    };
    perRequest(2000); // warm
    const [few, many] = [perRequest(2000), perRequest(64_000)];
    expect(many < few * 3, `${few} µs a request for 2,000, ${many} µs for 64,000`).toBe(true);
  });
});
