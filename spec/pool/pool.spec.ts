import { concat, delay, EMPTY, map, NEVER, of, take, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { inVirtualTime } from '../stream/tools.ts';
import { ask, countsText, noteAll, pooled } from './pool-tools.ts';

describe('pool', () => {
  it('dials at the first use, and uses the same connection for the next one', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db, dials } = pooled(v);
      v.at(10, () => v.note(`dials ${dials()}`));
      v.at(20, () => noteAll(v, 'a', db.use(ask('one'))));
      v.at(30, () => noteAll(v, 'b', db.use(ask('two'))));
    });
    expect(log).toStrictEqual(['10 dials 0', '20 a 1:one', '20 a complete', '30 b 1:two', '30 b complete']);
  });

  it('takes a connection at each subscription, and for sequential uses the same one', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      const use$ = db.use(ask('x'));
      noteAll(v, 'a', concat(use$, use$, use$));
    });
    expect(log).toStrictEqual(['0 a 1:x', '0 a 1:x', '0 a 1:x', '0 a complete']);
  });

  it('uses `max` connections at the same time, and serves the waiting uses in order', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 2 }, { latency: 5 });
      for (const name of ['a', 'b', 'c', 'd', 'e']) noteAll(v, name, db.use(ask(name)));
    });
    expect(log.filter((line) => !line.includes('complete'))).toStrictEqual(['10 a 1:a', '10 b 2:b', '20 c 1:c', '20 d 2:d', '30 e 1:e']);
  });

  it('takes the idle connection that was used last', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      noteAll(
        v,
        'a',
        db.use((io) => ask('a')(io).pipe(delay(10))),
      );
      noteAll(
        v,
        'b',
        db.use((io) => ask('b')(io).pipe(delay(20))),
      );
      v.at(30, () => noteAll(v, 'c', db.use(ask('c'))));
      v.at(40, () => noteAll(v, 'd', db.use(ask('d'))));
    });
    expect(log.filter((line) => /[cd] \d/.test(line))).toStrictEqual(['30 c 2:c', '40 d 2:d']);
  });

  it('serves a waiting use by the connection that is free first, its own dial or one that returns', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db, dials } = pooled(v, {}, { latency: 0 });
      noteAll(
        v,
        'a',
        db.use((io) => ask('a')(io).pipe(delay(10))),
      );
      v.at(5, () => noteAll(v, 'b', db.use(ask('b'))));
      v.at(20, () => v.note(`dials ${dials()}`));
    });
    expect(log).toContain('5 b 2:b');
    expect(log).toContain('20 dials 2');
  });

  it('emits all values of the handler, and completes after it', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      noteAll(
        v,
        'a',
        db.use(() => timer(0, 10).pipe(take(3))),
      );
      v.at(50, () =>
        noteAll(
          v,
          'b',
          db.use(() => [1, 2]),
        ),
      );
      v.at(60, () =>
        noteAll(
          v,
          'c',
          db.use(() => EMPTY),
        ),
      );
    });
    expect(log).toStrictEqual(['0 a 0', '10 a 1', '20 a 2', '20 a complete', '50 b 1', '50 b 2', '50 b complete', '60 c complete']);
  });

  it('emits the counts of connections and uses, once for each tick in which they change', () => {
    const log = inVirtualTime(50_000, (v) => {
      const { db } = pooled(v, { max: 1, idleTimeout: 1000, open: () => timer(2) }, { latency: 5 });
      db.counts$.subscribe((counts) => v.note(countsText(counts)));
      v.at(10, () => noteAll(v, 'a', db.use(ask('a'))));
      v.at(10, () => noteAll(v, 'b', db.use(ask('b'))));
      v.at(40, () => db.counts$.subscribe((counts) => v.note(`late ${countsText(counts)}`)).unsubscribe());
    });
    expect(log.filter((line) => / i\d/.test(line))).toStrictEqual([
      '0 i0 b0 c0 w0',
      '10 i0 b0 c1 w2',
      '12 i0 b1 c0 w1',
      '22 i0 b1 c0 w0',
      '32 i1 b0 c0 w0',
      '40 late i1 b0 c0 w0',
      '1032 i0 b0 c0 w0',
    ]);
  });

  it('has methods that may be destructured', () => {
    const log = inVirtualTime(1000, (v) => {
      const { use, close, closed$ } = pooled(v).db;
      noteAll(v, 'a', use(ask('a')));
      noteAll(v, 'closed$', closed$);
      v.at(5, () => close());
    });
    expect(log.filter((line) => !line.includes('peer'))).toStrictEqual([
      '0 a 1:a',
      '0 a complete',
      '5 closed$ undefined',
      '5 closed$ complete',
    ]);
  });

  it('runs handlers that return any ObservableInput', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      noteAll(
        v,
        'array',
        db.use(() => ['x']),
      );
      noteAll(
        v,
        'observable',
        db.use(() => of('y').pipe(map((each) => each))),
      );
      const never = db.use(() => NEVER).subscribe();
      v.at(10, () => never.unsubscribe());
    });
    expect(log.filter((line) => !line.includes('peer'))).toStrictEqual([
      '0 array x',
      '0 observable y',
      '0 array complete',
      '0 observable complete',
    ]);
  });
});
