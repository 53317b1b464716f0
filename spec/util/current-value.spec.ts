import { BehaviorSubject, concat, EMPTY, from, NEVER, of, throwError, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { currentValue } from '../../src/util/current-value.ts';

describe('currentValue', () => {
  it('returns the last value that is emitted at once', () => {
    expect([currentValue(new BehaviorSubject(1)), currentValue(of(1, 2)), currentValue(concat(of(3), NEVER))]).toEqual([1, 2, 3]);
  });

  it.each([
    ['never emits', NEVER],
    ['is empty', EMPTY],
    ['emits later', from(Promise.resolve(1))],
  ])('returns undefined for a source that %s', (_, source$: Observable<number>) => {
    expect(currentValue(source$)).toBeUndefined();
  });

  it('unsubscribes', () => {
    const source$ = new BehaviorSubject(1);
    currentValue(source$);
    expect(source$.observed).toBe(false);
  });

  it('throws an error that is emitted at once', () => {
    expect(() =>
      currentValue(
        concat(
          of(1),
          throwError(() => new Error('no rules')),
        ),
      ),
    ).toThrow('no rules');
  });
});
