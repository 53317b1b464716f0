import { EMPTY, NEVER, Observable, of, range, Subject, throwError, type Observer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { guardedSubscriber } from '../../src/util/guarded-subscriber.ts';

const WHY = new Error('why');

function record(over: Partial<Observer<number>> = {}): { log: unknown[]; observer: Observer<number>; fail: (error: unknown) => void } {
  const log: unknown[] = [];
  const observer: Observer<number> = {
    next: (value) => void log.push(value),
    error: (error: unknown) => void log.push(['error', error]),
    complete: () => void log.push('complete'),
    ...over,
  };
  return { log, observer, fail: (error) => void log.push(['fail', error]) };
}

const boom = (): never => {
  throw new Error('boom');
};

describe('guardedSubscriber', () => {
  it('emits nothing for a source that never emits', () => {
    const { log, observer, fail } = record();
    NEVER.subscribe(guardedSubscriber({ ...observer, caught: fail }));
    expect(log).toEqual([]);
  });

  it('passes on completion, values and errors', () => {
    const { log, observer, fail } = record();
    EMPTY.subscribe(guardedSubscriber({ ...observer, caught: fail }));
    of(1).subscribe(guardedSubscriber({ ...observer, caught: fail }));
    of(2, 3).subscribe(guardedSubscriber({ ...observer, caught: fail }));
    throwError(() => WHY).subscribe(guardedSubscriber({ ...observer, caught: fail }));
    expect(log).toEqual(['complete', 1, 'complete', 2, 3, 'complete', ['error', WHY]]);
  });

  it('reports a throw in `next` as an error and unsubscribes from the source', () => {
    const { log, observer, fail } = record({ next: boom });
    const source = new Subject<number>();
    source.subscribe(guardedSubscriber({ ...observer, caught: fail }));
    source.next(1);
    expect(source.observed).toBe(false);
    source.next(2);
    source.complete();
    expect(log).toEqual([['fail', new Error('boom')]]);
  });

  it('reports a throw in `error` and in `complete` as an error', () => {
    const { log, observer, fail } = record({ error: boom, complete: boom });
    EMPTY.subscribe(guardedSubscriber({ ...observer, caught: fail }));
    throwError(() => WHY).subscribe(guardedSubscriber({ ...observer, caught: fail }));
    expect(log).toEqual([
      ['fail', new Error('boom')],
      ['fail', new Error('boom')],
    ]);
  });

  it('reports a throw of the subscription itself as an error', () => {
    const { log, observer, fail } = record();
    new Observable<number>(boom).subscribe(guardedSubscriber({ ...observer, caught: fail }));
    expect(log).toEqual([['error', new Error('boom')]]);
  });

  it('stops a synchronous endless source when it is unsubscribed inside `next`', () => {
    let produced = 0;
    const endless$ = new Observable<number>((out) => {
      while (!out.closed) out.next((produced += 1));
    });
    const subscriber = guardedSubscriber(record({ next: (value) => value === 3 && subscriber.unsubscribe() }).observer);
    endless$.subscribe(subscriber);
    expect(produced).toBe(3);
  });

  it('stops a synchronous source at a throw', () => {
    let produced = 0;
    const { observer, fail } = record({ next: boom });
    new Observable<number>((out) => {
      while (!out.closed && produced < 10) out.next((produced += 1));
    }).subscribe(guardedSubscriber({ ...observer, caught: fail }));
    expect(produced).toBe(1);
  });

  it('emits nothing and frees its source after unsubscribe', () => {
    const { log, observer, fail } = record();
    let freed = 0;
    const source = new Subject<number>();
    const subscriber = guardedSubscriber({ ...observer, caught: fail });
    new Observable<number>((out) => {
      source.subscribe(out);
      return () => (freed += 1);
    }).subscribe(subscriber);
    source.next(1);
    subscriber.unsubscribe();
    source.next(2);
    expect(log).toEqual([1]);
    expect(freed).toBe(1);
  });

  it('does not subscribe a source for good when it is closed already', () => {
    const { log, observer, fail } = record();
    const subscriber = guardedSubscriber({ ...observer, caught: fail });
    subscriber.unsubscribe();
    const source = new Subject<number>();
    source.subscribe(subscriber);
    expect(source.observed).toBe(false);
    range(1, 3).subscribe(subscriber);
    expect(log).toEqual([]);
  });
});
