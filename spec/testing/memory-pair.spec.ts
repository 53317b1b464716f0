import assert from 'node:assert/strict';
import { concat, delay, NEVER, of, Subject, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, it } from 'vitest';
import { memoryPair, testDial } from '../../src/testing.ts';
import { END, PAUSE, RESUME, type Flow, type Up, type Wire } from '../../src/wire/signal.ts';
import { invariants, type Harness } from '../support/harness.ts';

const data = (text: string): Flow => ({ kind: 'data', bytes: Buffer.from(text) });
const open = (h: Harness, wire: Wire, flow$: Observable<Flow>): ReturnType<typeof h.observed<Up>> =>
  h.observed(flow$.pipe(wire(testDial())));
const kinds = (signals: readonly Up[]): string[] => signals.map(({ kind }) => kind);
const bytesOf = (signals: readonly Up[]): Uint8Array[] => signals.flatMap((each) => (each.kind === 'data' ? [each.bytes] : []));

describe('memoryPair', () => {
  it(
    'carries bytes and ends both ways, then completes both ends',
    invariants(async (h) => {
      const [a, b] = memoryPair();
      const left = open(h, a, concat(of(data('to b'), END), NEVER));
      const right = open(h, b, concat(of(data('to a'), END), NEVER));
      await Promise.all([left.ended, right.ended]);
      assert.deepEqual([left.state, right.state], ['complete', 'complete']);
      h.sameBytes(bytesOf(left.values), 'to a');
      h.sameBytes(bytesOf(right.values), 'to b');
      assert.deepEqual(kinds(right.values).slice(0, 3), ['connected', 'data', 'end']);
    }),
  );

  it(
    'keeps bytes for an end that is subscribed later',
    invariants(async (h) => {
      const [a, b] = memoryPair();
      const left = open(h, a, concat(of(data('early')), NEVER));
      await left.value(({ kind }) => kind === 'connected');
      const right = open(h, b, NEVER);
      await right.value(({ kind }) => kind === 'data');
      await left.value(({ kind }) => kind === 'sent');
      h.sameBytes(bytesOf(right.values), 'early');
    }),
  );

  it(
    'pauses the giver at the limit and tells it to go on when half is taken',
    invariants(async (h) => {
      const [a, b] = memoryPair({ limit: 4 });
      const takes$ = new Subject<Flow>();
      const right = open(h, b, takes$);
      takes$.next(PAUSE);
      const left = open(h, a, concat(of(data('ab'), data('cd')), NEVER));
      await left.value(({ kind }) => kind === 'pause');
      await right.value(({ kind }) => kind === 'connected');
      assert.deepEqual(bytesOf(right.values), []);
      takes$.next(RESUME);
      await left.value(({ kind }) => kind === 'resume');
      h.sameBytes(bytesOf(right.values), 'abcd');
    }),
  );

  it(
    'tells no bytes to be sent for an empty chunk',
    invariants(async (h) => {
      const [a, b] = memoryPair();
      const left = open(h, a, concat(of(data(''), END), NEVER));
      const right = open(h, b, of(data('x')));
      await Promise.all([left.ended, right.ended]);
      assert.equal(kinds(left.values).includes('sent'), false);
    }),
  );

  it(
    'resets the other end when it is unsubscribed, after the bytes on their way',
    invariants(async (h) => {
      const [a, b] = memoryPair();
      const left = open(h, a, concat(of(data('last words')), NEVER));
      await left.value(({ kind }) => kind === 'connected');
      left.unsubscribe();
      const right = await open(h, b, NEVER).ended;
      h.sameBytes(bytesOf(right.values), 'last words');
      h.error(right.error, { code: 'ECONNRESET', phase: 'read' });
    }),
  );

  it(
    'errors a second subscription of an end',
    invariants(async (h) => {
      const [a] = memoryPair();
      open(h, a, NEVER);
      h.error((await open(h, a, NEVER).ended).error, { code: 'EALREADY', phase: 'connect' });
    }),
  );

  it(
    'carries bytes between ends whose schedulers tell different times',
    invariants(async (h) => {
      const [a, b] = memoryPair();
      const still = new TestScheduler(() => {});
      const right = h.observed(NEVER.pipe(b(testDial({ scheduler: still }))));
      open(h, a, concat(of(data('now')), NEVER));
      await right.value(({ kind }) => kind === 'data');
    }),
  );

  it('takes latency and bandwidth from the scheduler', () => {
    const scheduler = new TestScheduler((actual, expected) => assert.deepEqual(actual, expected));
    scheduler.run(({ expectObservable }) => {
      const [a, b] = memoryPair({ latency: 10, bandwidth: 1000 });
      const dial = testDial({ scheduler });
      const seen: [number, string][] = [];
      concat(of(END), NEVER)
        .pipe(b(dial))
        .subscribe(({ kind }) => void seen.push([scheduler.now(), kind]));
      of(data('x'.repeat(20)), END)
        .pipe(a(dial))
        .subscribe();
      const later$ = of(seen).pipe(delay(100, scheduler));
      // 20 bytes at 1,000 bytes a second, then 10 ms on the way.
      expectObservable(later$).toBe('100ms (a|)', {
        a: [
          [0, 'connected'],
          [30, 'data'],
          [30, 'end'],
        ],
      });
    });
  });
});
