import { NEVER, Observable, of, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { ATTEMPT_DELAY, race, type FailedAttempt } from '../../src/wire/race.ts';

const SEVEN = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

type Cold = ReturnType<Parameters<Parameters<TestScheduler['run']>[0]>[0]['cold']>;

/** Races attempts given as marbles, each from its own start; `failed` makes the letters and reasons of all that failed. */
function racing(
  attempts: Readonly<Record<string, string>>,
  result: string,
  subscriptions: Readonly<Record<string, string | string[]>>,
  error?: unknown,
): void {
  const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
  scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
    const names = Object.keys(attempts);
    const sources = Object.fromEntries(names.map((name) => [name, cold(attempts[name] ?? '', undefined, `${name} failed`)])) as Record<
      string,
      Cold
    >;
    const race$ = race(names, (name) => sources[name]!, scheduler, listed);
    expectObservable(race$).toBe(result, undefined, error);
    for (const name of names) expectSubscriptions(sources[name]!.subscriptions).toBe(subscriptions[name] ?? []);
  });
}

const listed = (attempts: readonly FailedAttempt<unknown>[]): unknown => attempts.map(({ candidate, error }) => [candidate, error]);

describe('race', () => {
  it('waits 250 ms between attempts, as in RFC 8305', () => {
    expect(ATTEMPT_DELAY).toBe(250);
  });

  it('connects to the first candidate, and never starts the second', () => {
    racing({ a: '100ms (a|)', b: '(b|)' }, '100ms (a|)', { a: '^ 99ms !', b: [] });
  });

  it('starts the next candidate after 250 ms, and lets the slow first one win', () => {
    racing({ a: '1s (a|)', b: '5s (b|)' }, '1s (a|)', { a: '^ 999ms !', b: '250ms ^ 749ms !' });
  });

  it('lets the second win when it is faster, and unsubscribes the first', () => {
    racing({ a: '5s (a|)', b: '100ms (b|)' }, '350ms (b|)', { a: '^ 349ms !', b: '250ms ^ 99ms !' });
  });

  it('starts the next candidate at once when one fails', () => {
    racing({ a: '10ms #', b: '10ms (b|)' }, '20ms (b|)', { a: '^ 9ms !', b: '10ms ^ 9ms !' });
  });

  it('restarts the 250 ms at an attempt that started early', () => {
    racing({ a: '10ms #', b: '1s (b|)', c: '-' }, '1010ms (b|)', { a: '^ 9ms !', b: '10ms ^ 999ms !', c: '260ms ^ 749ms !' });
  });

  it('keeps a slow attempt while it could still win', () => {
    racing({ a: '1s (a|)', b: '#' }, '1s (a|)', { a: '^ 999ms !', b: '250ms (^!)' });
  });

  it('starts the next candidate at once when the last one fails while an earlier attempt runs', () => {
    racing({ a: '1s (a|)', b: '10ms #', c: '10ms (c|)' }, '270ms (c|)', { a: '^ 269ms !', b: '250ms ^ 9ms !', c: '260ms ^ 9ms !' });
  });

  it('lists all attempts, in the order of their failures, when all fail', () => {
    racing({ a: '300ms #', b: '10ms #', c: '10ms #' }, '300ms #', { a: '^ 299ms !', b: '250ms ^ 9ms !', c: '260ms ^ 9ms !' }, [
      ['b', 'b failed'],
      ['c', 'c failed'],
      ['a', 'a failed'],
    ]);
  });

  it('reaches the last of eight candidates at once when seven refuse', () => {
    const attempts = Object.fromEntries(SEVEN.map((name) => [name, '1ms #']));
    racing({ ...attempts, h: '1ms (h|)' }, '8ms (h|)', {
      ...Object.fromEntries(SEVEN.map((name, turn) => [name, `${turn}ms ^!`])),
      h: '7ms ^!',
    });
  });

  it('reaches the last of eight candidates after 1.75 s when seven are silent', () => {
    const silent = Object.fromEntries(SEVEN.map((name) => [name, '-']));
    racing({ ...silent, h: '(h|)' }, '1750ms (h|)', {
      ...Object.fromEntries(SEVEN.map((name, turn) => [name, turn === 0 ? '^ 1749ms !' : `${turn * 250}ms ^ ${1749 - turn * 250}ms !`])),
      h: '1750ms (^!)',
    });
  });

  it('has one winner when two work at the same moment', () => {
    racing({ a: '300ms (a|)', b: '50ms (b|)' }, '300ms (a|)', { a: '^ 299ms !', b: '250ms ^ 49ms !' });
  });

  it('takes one value of an attempt and unsubscribes it', () => {
    racing({ a: 'abc' }, '(a|)', { a: '(^!)' });
  });

  it('never ends while one attempt never ends', () => {
    racing({ a: '-', b: '#' }, '-', { a: '^', b: '250ms (^!)' });
  });

  it('fails at once without a candidate', () => {
    racing({}, '#', {}, []);
  });

  it('tries candidates that answer synchronously, in order', () => {
    const log: unknown[] = [];
    const scheduler = new TestScheduler(() => {});
    const tried: number[] = [];
    const attempt = (candidate: number): Observable<number> => {
      tried.push(candidate);
      return candidate === 3 ? of(candidate) : throwError(() => new Error(String(candidate)));
    };
    race([1, 2, 3, 4], attempt, scheduler, listed).subscribe({ next: (value) => log.push(value), complete: () => log.push('complete') });
    expect({ log, tried }).toEqual({ log: [3, 'complete'], tried: [1, 2, 3] });
    expect(scheduler.actions.filter((action) => !action.closed)).toEqual([]);
  });

  it('errors with what an attempt throws', () => {
    let error: unknown;
    const boom = (): never => {
      throw new Error('boom');
    };
    race([1, 2], boom, new TestScheduler(() => {}), listed).subscribe({ error: (got: unknown) => (error = got) });
    expect(error).toEqual(new Error('boom'));
  });

  it('frees all attempts and its timer when the subscriber unsubscribes', () => {
    const scheduler = new TestScheduler((got, expected) => expect(got).toEqual(expected));
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const [a, b, c] = [cold('-'), cold('-'), cold('-')];
      expectObservable(
        race([a, b, c], (source) => source, scheduler, listed),
        '^ 299ms !',
      ).toBe('-');
      expectSubscriptions(a.subscriptions).toBe('^ 299ms !');
      expectSubscriptions(b.subscriptions).toBe('250ms ^ 49ms !');
      expectSubscriptions(c.subscriptions).toBe([]);
    });
    expect(scheduler.actions).toEqual([]);
  });

  it('unsubscribes the losers when the subscriber unsubscribes inside `next`', () => {
    const freed: string[] = [];
    const scheduler = new TestScheduler(() => {});
    scheduler.run(() => {
      const source = (name: string, wins: boolean): Observable<string> =>
        new Observable<string>((out) => {
          if (wins) scheduler.schedule(() => out.next(name), 300);
          return () => freed.push(name);
        });
      const subscription = race(['a', 'b'], (name) => source(name, name === 'a'), scheduler, listed).subscribe(() =>
        subscription.unsubscribe(),
      );
    });
    expect(freed.sort()).toEqual(['a', 'b']);
  });

  it('can be subscribed twice', () => {
    let attempts = 0;
    const race$ = race(['a'], () => ((attempts += 1), of(1)), new TestScheduler(() => {}), listed);
    race$.subscribe();
    race$.subscribe();
    expect(attempts).toBe(2);
  });

  it('does nothing before it is subscribed', () => {
    let attempts = 0;
    race(['a'], () => ((attempts += 1), NEVER), new TestScheduler(() => {}), listed);
    expect(attempts).toBe(0);
  });
});
