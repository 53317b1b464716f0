import { asyncScheduler, EMPTY, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import { within } from '../../src/wire/deadline.ts';

const WHY = new Error('why');

const marbles = (
  work: Parameters<TestScheduler['run']>[0],
  scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected)),
): void => {
  scheduler.run(work);
};
const late = (ms: number): string => `late after ${ms}`;

describe('within', () => {
  it('mirrors a source that completes in time', () => {
    const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b-(c|)');
      const subs = '         ^----!';
      const dial = testDial({ scheduler });
      expectObservable(within(source, 100, dial, late)).toBe('-a-b-(c|)');
      expectSubscriptions(source.subscriptions).toBe(subs);
    });
  });

  it('mirrors an empty source and errors', () => {
    const log: unknown[] = [];
    const observer = {
      next: (value: unknown) => log.push(value),
      error: (error: unknown) => log.push(error),
      complete: () => log.push('complete'),
    };
    const dial = testDial();
    for (const source of [EMPTY, of(1), throwError(() => WHY)]) within(source, 100, dial, late).subscribe(observer);
    expect(log).toEqual(['complete', 1, 'complete', WHY]);
  });

  it.each([
    ['the timeout, if it is shorter than the deadline', 50, 200, 50],
    ['the time to the deadline, if that is shorter than the timeout', 200, 50, 50],
    ['the time to the deadline, if there is no timeout', Infinity, 50, 50],
    ['the timeout, if there is no deadline', 50, Infinity, 50],
    ['0 ms, if the deadline has passed', 50, -5, 0],
  ])('errors after %s', (_, timeout, deadline, ms) => {
    const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-');
      const dial = testDial({ scheduler, deadline: scheduler.now() + deadline });
      expectObservable(within(source, timeout, dial, late)).toBe(`${ms}ms #`, undefined, late(ms));
      expectSubscriptions(source.subscriptions).toBe(`^ ${ms - 1}ms !`.replace('^ -1ms !', '(^!)'));
    }, scheduler);
  });

  it('starts the limit at the subscription', () => {
    const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
    marbles(({ expectObservable }) => {
      const dial = testDial({ scheduler });
      expectObservable(within(NEVER, 50, dial, late), '--^').toBe('52ms #', undefined, late(50));
    }, scheduler);
  });

  it('waits for completion, not for the first value', () => {
    const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
    marbles(({ cold, expectObservable }) => {
      const dial = testDial({ scheduler });
      expectObservable(within(cold('a'), 50, dial, late)).toBe('a 49ms #', undefined, late(50));
    }, scheduler);
  });

  it('never errors at Infinity', () => {
    const scheduler = new TestScheduler(() => {});
    const dial = testDial({ scheduler, deadline: Infinity });
    within(NEVER, Infinity, dial, late).subscribe();
    expect(scheduler.actions).toEqual([]);
  });

  it('mirrors an answer that comes at the last moment', () => {
    const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
    marbles(({ cold, expectObservable }) => {
      expectObservable(within(cold('50ms (a|)'), 50, testDial({ scheduler }), late)).toBe('50ms (a|)');
    }, scheduler);
  });

  it('stops its timer when the source ends or the subscriber unsubscribes', () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const dial = testDial({ scheduler: asyncScheduler });
    within(EMPTY, 1000, dial, late).subscribe();
    const source = new Subject();
    within(source, 1000, dial, late).subscribe({ error: () => {} });
    source.error(WHY);
    const subscription = within(NEVER, 1000, dial, late).subscribe();
    expect(timers()).toBe(before + 1);
    subscription.unsubscribe();
    expect(timers()).toBe(before);
  });

  it('stops a synchronous source when the subscriber unsubscribes', () => {
    let produced = 0;
    const endless$ = new Observable<number>((out) => {
      while (!out.closed && produced < 1000) out.next((produced += 1));
    });
    within(endless$, 1000, testDial(), late).subscribe({
      next(this: unknown) {
        if (produced === 3) leave();
      },
    });
    expect(produced).toBe(1000); // Unsubscribing had no effect: the subscription did not exist yet.
    produced = 0;
    new Observable<number>((out) => {
      leave = () => out.unsubscribe();
      within(endless$, 1000, testDial(), late).subscribe(out);
    }).subscribe(() => produced === 3 && leave());
    expect(produced).toBe(3);
  });

  it('can be subscribed twice', () => {
    const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
    marbles(({ expectObservable }) => {
      const once$ = within(NEVER, 50, testDial({ scheduler }), late);
      expectObservable(once$).toBe('50ms #', undefined, late(50));
      expectObservable(once$, '---^').toBe('53ms #', undefined, late(50));
    }, scheduler);
  });
});

let leave = (): void => {};
