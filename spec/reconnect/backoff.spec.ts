import { concat, defer, EMPTY, Observable, repeat, retry, throwError, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { backoff } from '../../src/reconnect/backoff.ts';
import type { BackoffOptions } from '../../src/reconnect/backoff-options.ts';
import { connect, IOStreamError } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';

const failure = (phase: 'connect' | 'read', n = 0): IOStreamError => new IOStreamError('EMINE', { phase, message: `number ${n}` });
const textOf = (error: unknown): string => (error as Error).message.replace(' [EMINE]', '');

/** Returns the starts of the attempts, and the end, on a virtual clock. Attempt n fails after `lasts(n)` milliseconds. */
function startsOf(
  options: BackoffOptions,
  lasts: (n: number) => number = () => 0,
  { until = 100_000, fails = (n: number): unknown => failure('read', n) } = {},
): (number | string)[] {
  const scheduler = new TestScheduler(() => true);
  const log: (number | string)[] = [];
  scheduler.run(({ flush }) => {
    let n = 0;
    const source$ = defer(() => {
      n += 1;
      const now = n;
      log.push(scheduler.now());
      return concat(
        timer(lasts(now), scheduler),
        throwError(() => fails(now)),
      );
    });
    const subscription = source$
      .pipe(retry(backoff({ jitter: 0, scheduler, ...options })))
      .subscribe({ error: (error: unknown) => log.push(textOf(error)) });
    scheduler.schedule(() => subscription.unsubscribe(), until);
    flush();
  });
  return log;
}

describe('backoff', () => {
  it('increases the delay after each failure, up to max', () => {
    expect(startsOf({ initial: 100, factor: 3, max: 2000 }, undefined, { until: 6000 })).toStrictEqual([0, 100, 400, 1300, 3300, 5300]);
  });

  it('defaults to a delay of 100 ms that doubles up to 30 s, without a limit of attempts', () => {
    const starts = startsOf({}, undefined, { until: 10_000_000 }) as number[];
    const waits = starts.slice(1).map((at, n) => at - (starts[n] ?? 0));
    expect(waits.slice(0, 10)).toStrictEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
    expect(waits.length).toBeGreaterThan(300);
    expect(waits.slice(10).every((wait) => wait === 30_000)).toBe(true);
  });

  it('shortens each delay by a random fraction of up to jitter, to whole milliseconds', () => {
    const numbers = [0, 0.5, 0.999];
    expect(startsOf({ initial: 1000, factor: 1, jitter: 0.4, attempts: 4, random: () => numbers.shift() ?? 1 })).toStrictEqual([
      0,
      1000,
      1800,
      2400,
      'number 4',
    ]);
    const waits = new Set(Array.from({ length: 20 }, () => startsOf({ initial: 1000, jitter: 1, attempts: 2 })[1]));
    expect(waits.size > 10 && [...waits].every((wait) => Number(wait) >= 0 && Number(wait) <= 1000), [...waits].join()).toBe(true);
  });

  it('passes the last error on after `attempts` failures in a row', () => {
    expect(startsOf({ attempts: 3 })).toStrictEqual([0, 100, 300, 'number 3']);
    expect(startsOf({ attempts: 1 })).toStrictEqual([0, 'number 1']);
  });

  it('resets the failure count after a connection that lasted for resetAfter', () => {
    const good = (n: number): number => (n === 3 ? 1000 : n === 4 ? 999 : 0);
    expect(startsOf({ resetAfter: 1000, attempts: 4 }, good)).toStrictEqual([0, 100, 300, 1400, 2599, 2999, 'number 6']);
    expect(startsOf({ attempts: 4 }, good)).toStrictEqual([0, 100, 300, 1700, 'number 4']);
    // The first attempt counts, too.
    expect(startsOf({ resetAfter: 1000, attempts: 2 }, (n) => (n === 1 ? 5000 : 0))).toStrictEqual([0, 5100, 'number 2']);
  });

  it('does not reset the failure count after a long attempt that never connected', () => {
    const late = { fails: (n: number) => failure('connect', n) };
    expect(startsOf({ resetAfter: 1000, attempts: 3 }, () => 5000, late)).toStrictEqual([0, 5100, 10_300, 'number 3']);
    // Errors of other sources have no phase: only the duration counts.
    const strange = { fails: (n: number) => new Error(`number ${n}`), until: 16_000 };
    expect(startsOf({ resetAfter: 1000, attempts: 3 }, () => 5000, strange)).toStrictEqual([0, 5100, 10_200, 15_300]);
  });

  it('passes an AbortError and a TypeError on at once', () => {
    const abort = Object.assign(new Error('aborted'), { name: 'AbortError' });
    for (const error of [abort, new TypeError('wrong'), new DOMException('aborted', 'AbortError')]) {
      expect(startsOf({}, undefined, { fails: () => error })).toStrictEqual([0, error.message]);
      // Whatever `retryIf` returns.
      expect(startsOf({ retryIf: () => true }, undefined, { fails: () => error })).toStrictEqual([0, error.message]);
    }
    for (const error of [undefined, null, 'text', new RangeError('mine'), new DOMException('late', 'TimeoutError')])
      expect(startsOf({}, undefined, { fails: () => error, until: 150 })).toStrictEqual([0, 100]);
  });

  spec('passes the AbortError of an aborted signal on, and dials no more', async (h) => {
    const port = await deadPort();
    const abort = new AbortController();
    let dials = 0;
    const seen = h.observed(
      connect(() => {
        dials += 1;
        if (dials === 3) abort.abort();
        return { host: '127.0.0.1', port, signal: abort.signal };
      }).pipe(retry(backoff({ initial: 1, max: 1 }))),
    );
    expect(((await seen.ended).error as Error).name).toBe('AbortError');
    expect(dials).toBe(3);
  });

  it('calls retryIf with the number of the attempt and of the failures in a row', () => {
    const asked: unknown[] = [];
    const retryIf: BackoffOptions['retryIf'] = (error, report) => {
      asked.push([textOf(error), report]);
      return asked.length < 3;
    };
    const lasts = (n: number): number => (n === 2 ? 5000 : 0);
    expect(startsOf({ retryIf, resetAfter: 1000 }, lasts)).toStrictEqual([0, 100, 5200, 'number 3']);
    expect(asked).toStrictEqual([
      ['number 1', { attempt: 1, failures: 1 }],
      ['number 2', { attempt: 2, failures: 1 }],
      ['number 3', { attempt: 3, failures: 2 }],
    ]);
    // It stops after `attempts` failures all the same, and passes on what `retryIf` throws.
    expect(startsOf({ retryIf: () => true, attempts: 2 })).toStrictEqual([0, 100, 'number 2']);
    const throws = (): never => {
      throw new Error('mine');
    };
    expect(startsOf({ retryIf: throws })).toStrictEqual([0, 'mine']);
  });

  it('serves as the delay of repeat: the same delays, and completes after `attempts`', () => {
    const scheduler = new TestScheduler(() => true);
    const log: (number | string)[] = [];
    scheduler.run(({ flush }) => {
      defer(() => (log.push(scheduler.now()), EMPTY))
        .pipe(repeat(backoff({ jitter: 0, scheduler, attempts: 4, retryIf: () => false })))
        .subscribe({ complete: () => log.push('complete') });
      flush();
    });
    expect(log).toStrictEqual([0, 100, 300, 700, 'complete']);
  });

  it('serves concurrent subscriptions without resetAfter, and successive ones with it', () => {
    const scheduler = new TestScheduler(() => true);
    const log: string[] = [];
    scheduler.run(({ flush }) => {
      for (const resetAfter of [Infinity, 1000]) {
        const again = retry<unknown>(backoff({ jitter: 0, attempts: 3, scheduler, resetAfter }));
        const run = (name: string): void => {
          defer(() => (log.push(`${scheduler.now()} ${name}`), throwError(() => failure('read'))))
            .pipe(again)
            .subscribe({ error: () => log.push(`${scheduler.now()} ${name} over`) });
        };
        if (resetAfter === Infinity) for (const name of 'ab') run(name);
        else for (const at of [1000, 2000]) scheduler.schedule(() => run('c'), at);
      }
      flush();
    });
    const once = (name: string, from: number): string[] => [0, 100, 300].map((ms) => `${from + ms} ${name}`);
    expect(log.filter((line) => !line.endsWith('c') && !line.endsWith('c over')).sort()).toStrictEqual(
      [...once('a', 0), ...once('b', 0), '300 a over', '300 b over'].sort(),
    );
    expect(log.filter((line) => /c( over)?$/.test(line))).toStrictEqual([
      ...once('c', 1000),
      '1300 c over',
      ...once('c', 2000),
      '2300 c over',
    ]);
  });

  it('resets the failure count with resetOnSuccess of retry', () => {
    const scheduler = new TestScheduler(() => true);
    const starts: number[] = [];
    scheduler.run(({ flush }) => {
      const source$ = defer(
        () => (
          starts.push(scheduler.now()),
          concat(
            starts.length === 3 ? timer(0, scheduler) : [],
            throwError(() => new Error('mine')),
          )
        ),
      );
      source$
        .pipe(retry({ ...backoff({ jitter: 0, scheduler, attempts: 4 }), resetOnSuccess: true }))
        .subscribe({ error: () => starts.push(-1) });
      flush();
    });
    expect(starts).toStrictEqual([0, 100, 300, 400, 600, 1000, -1]);
  });

  spec('leaves no timer when it is unsubscribed during a delay', (h) => {
    let attempts = 0;
    const source$ = new Observable<never>((out) => {
      attempts += 1;
      out.error(new Error('mine'));
    });
    h.observed(source$.pipe(retry(backoff({ initial: 60_000, max: 60_000 })))).unsubscribe();
    expect(attempts).toBe(1);
  });

  spec('redials a refusing port until `attempts`, and passes the last error on', async (h) => {
    const port = await deadPort();
    let dials = 0;
    const seen = h.observed(
      connect(() => ({ host: '127.0.0.1', port, Dial: (dials += 1) })).pipe(retry(backoff({ initial: 1, attempts: 5 }))),
    );
    h.error((await seen.ended).error, { code: 'ECONNREFUSED', phase: 'connect' });
    expect(dials).toBe(5);
  });

  it.each([
    [{ initial: 0 }, 'expected `initial` to be milliseconds, more than 0, got 0 (number)'],
    [{ initial: Infinity }, 'expected `initial` to be milliseconds, more than 0, got Infinity (number)'],
    [{ initial: '1' }, 'expected `initial` to be milliseconds, more than 0, got "1" (string)'],
    [{ max: 99 }, 'expected `max` to be milliseconds, not less than `initial`, got 99 (number)'],
    [{ max: Infinity }, 'expected `max` to be milliseconds, not less than `initial`, got Infinity (number)'],
    [{ factor: 0.5 }, 'expected `factor` to be a number, 1 or more, got 0.5 (number)'],
    [{ jitter: 1.1 }, 'expected `jitter` to be a number from 0 to 1, got 1.1 (number)'],
    [{ jitter: NaN }, 'expected `jitter` to be a number from 0 to 1, got NaN (number)'],
    [{ attempts: 0 }, 'expected `attempts` to be a number of attempts, 1 or more, got 0 (number)'],
    [{ attempts: 1.5 }, 'expected `attempts` to be a number of attempts, 1 or more, got 1.5 (number)'],
    [{ resetAfter: -1 }, 'expected `resetAfter` to be milliseconds, 0 or more; Infinity for never, got -1 (number)'],
    [{ scheduler: {} }, 'expected `scheduler` to be an RxJS scheduler, got an object (Object)'],
    [{ retryIf: true }, 'expected `retryIf` to be a function, got true (boolean)'],
    [{ random: 1 }, 'expected `random` to be a function, got 1 (number)'],
    [null, 'expected an object of options for backoff, got null'],
  ])('throws a TypeError that names the wrong option: %j', (options, message) => {
    expect(() => backoff(options as unknown as BackoffOptions)).toThrow(expect.objectContaining({ name: 'TypeError', message }));
  });
});
