import { EMPTY, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { persistent } from '../../src/reconnect/persistent.ts';
import type { Persistent } from '../../src/reconnect/persistent-types.ts';
import { spec } from '../support/spec.ts';
import { inVirtualTime, turns, unhandled } from '../stream/tools.ts';
import { namedTarget, notedPersistent, noteStatus, refusing } from './persistent-tools.ts';

describe('wake$ of a persistent stream', () => {
  it('ends a delay, and the next ones start with `initial` again; `attempts` counts on', () => {
    const log = inVirtualTime(10_000, (v) => {
      const wake$ = new Subject<void>();
      notedPersistent(v, { wake$, attempts: 5 }, { refuse: () => true });
      v.at(350, () => wake$.next());
    });
    expect(log.filter((line) => !line.includes('connecting'))).toStrictEqual([
      '0 waiting 1 ECONNREFUSED 100',
      '100 waiting 2 ECONNREFUSED 200',
      '300 waiting 3 ECONNREFUSED 400',
      '350 waiting 4 ECONNREFUSED 100',
      '450 closed 5 ECONNREFUSED',
      '450 complete',
    ]);
  });

  it('starts with the first target again', () => {
    const log = inVirtualTime(1000, (v) => {
      const wake$ = new Subject<void>();
      const down = { now: true };
      const targets = ['a', 'b'].map((name) => namedTarget(v, name, () => down.now).target);
      noteStatus(v, persistent(targets, { jitter: 0, scheduler: v.scheduler, wake$ }));
      v.at(50, () => {
        down.now = false;
        wake$.next();
      });
    });
    expect(log.slice(-3)).toStrictEqual(['0 waiting 2 b ECONNREFUSED 100', '50 connecting 3 a', '50 connected 3 a']);
  });

  it('dials once for several values in one tick, after them', () => {
    const log = inVirtualTime(80, (v) => {
      const wake$ = new Subject<void>();
      const { p } = notedPersistent(v, { wake$ }, { refuse: (attempt) => attempt === 1 });
      v.at(50, () => {
        for (let each = 0; each < 3; each += 1) wake$.next();
        p.connect();
        v.note('woken');
      });
    });
    expect(log.slice(2)).toStrictEqual(['50 woken', '50 connecting 2', '50 connected 2']);
  });

  it('has no effect on a connection or an attempt, but ends the delays that they would get', () => {
    const log = inVirtualTime(1000, (v) => {
      const wake$ = new Subject<void>();
      const { peers } = notedPersistent(v, { wake$ }, { refuse: (attempt) => attempt < 3 });
      v.at(400, () => wake$.next()); // connected since 300
      v.at(500, () => peers[3]?.reset());
    });
    expect(log.slice(4)).toStrictEqual([
      '300 connecting 3',
      '300 connected 3',
      '500 waiting 3 ECONNRESET 100',
      '600 connecting 4',
      '600 connected 4',
    ]);
  });

  it('has effect when it emits between a loss and its delay', () => {
    const log = inVirtualTime(1000, (v) => {
      const wake$ = new Subject<void>();
      const { p, peers } = notedPersistent(v, { wake$, unsent: 'drop' }, { pair: { limit: 1000 } });
      p.unsent$.subscribe(() => wake$.next());
      v.at(10, () => peers[1]?.pause());
      v.at(20, () => p.write('x'.repeat(3000)));
      v.at(30, () => peers[1]?.reset());
    });
    expect(log.slice(3)).toStrictEqual(['30 waiting 1 ECONNRESET 0', '30 connecting 2', '30 connected 2']);
  });

  it('has effect in the tick in which the persistent stream is created, as `connect()` has', () => {
    const inFirstTick = (...acts: ((p: Persistent, wake$: Subject<void>) => void)[]): string[] =>
      inVirtualTime(1000, (v) => {
        const wake$ = new Subject<void>();
        const { p } = notedPersistent(v, { wake$, dial: 'demand' });
        for (const act of acts) act(p, wake$);
      });
    const connected = ['0 connecting 1', '0 connected 1'];
    const wake = (_p: Persistent, wake$: Subject<void>): void => wake$.next();
    const connect = (p: Persistent): void => p.connect();
    const close = (p: Persistent): void => p.close();
    expect(inFirstTick(wake)).toStrictEqual(connected);
    expect(inFirstTick(connect)).toStrictEqual(connected);
    expect(inFirstTick(wake, connect, wake)).toStrictEqual(connected);
    expect(inFirstTick((_p, wake$) => wake$.complete())).toStrictEqual(['0 idle 0']);
    const closed = ['0 closed 0', '0 complete'];
    expect(inFirstTick(wake, close)).toStrictEqual(closed);
    expect(inFirstTick(close, wake)).toStrictEqual(closed);
  });

  it('may emit when it is subscribed, and from inside a notification', () => {
    const log = inVirtualTime(1000, (v) => {
      const { p } = notedPersistent(v, { wake$: of('now'), dial: 'demand' });
      v.at(10, () => p.close());
    });
    expect(log).toStrictEqual(['0 connecting 1', '0 connected 1', '10 closed 1', '10 complete']);
    const inside = inVirtualTime(1000, (v) => {
      const wake$ = new Subject<void>();
      const { p } = notedPersistent(v, { wake$, attempts: 3 }, { refuse: () => true });
      p.status$.subscribe(({ state }) => state === 'waiting' && wake$.next());
    });
    expect(inside).toStrictEqual([
      '0 connecting 1',
      '0 waiting 1 ECONNREFUSED 100',
      '0 connecting 2',
      '0 waiting 2 ECONNREFUSED 100',
      '0 connecting 3',
      '0 closed 3 ECONNREFUSED',
      '0 complete',
    ]);
  });

  it('is subscribed from the call until the persistent stream ends, in each way', () => {
    for (const how of ['close while waiting', 'close while connected', 'attempts'] as const) {
      const log = inVirtualTime(1000, (v) => {
        const wake$ = new Subject<void>();
        const attempts = how === 'attempts' ? 2 : Infinity;
        const { p } = notedPersistent(v, { wake$, attempts }, { refuse: () => how !== 'close while connected' });
        v.at(50, () => v.note(`${wake$.observed}`));
        v.at(60, () => how !== 'attempts' && p.close());
        v.at(200, () => v.note(`${wake$.observed}`));
      });
      expect(
        log.filter((line) => /true|false/.test(line)),
        how,
      ).toStrictEqual(['50 true', '200 false']);
    }
    // Also in the tick of its creation.
    inVirtualTime(1000, (v) => {
      const wake$ = new Subject<void>();
      const p = persistent({ wire: refusing }, { wake$, scheduler: v.scheduler });
      expect(wake$.observed).toBe(true);
      p.close();
      expect(wake$.observed).toBe(false);
    });
    inVirtualTime(1000, (v) => {
      const wake$ = new Subject<void>();
      const signal = AbortSignal.abort();
      persistent({ wire: refusing, signal }, { wake$, dial: 'demand', scheduler: v.scheduler }).status$.subscribe({ error: () => {} });
      v.at(10, () => expect(wake$.observed).toBe(false));
    });
  });

  spec('may complete, and its error is reported as unhandled: reconnecting goes on', async (h) => {
    const reported = unhandled(h);
    const failure = new Error('mine');
    for (const wake$ of [EMPTY, throwError(() => failure)]) {
      const p = persistent({ wire: refusing }, { wake$, initial: 1, factor: 1 });
      const states = h.observed(p.status$);
      await h.until(() => states.values.some(({ attempt }) => attempt === 3), 'a third attempt');
      p.close();
      await turns();
    }
    expect(reported).toStrictEqual([failure]);
  });
});
