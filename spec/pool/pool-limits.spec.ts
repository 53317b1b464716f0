import { EMPTY, NEVER, timer } from 'rxjs';
import type { IOStream } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { inVirtualTime } from '../stream/tools.ts';
import { ask, countsText, noteAll, pooled } from './pool-tools.ts';

describe('the limits of a pool', () => {
  it('close a connection that is idle for `idleTimeout`, counted from its last use', () => {
    const log = inVirtualTime(10_000, (v) => {
      const { db } = pooled(v, { idleTimeout: 100 });
      for (const at of [0, 90, 180]) v.at(at, () => noteAll(v, 'a', db.use(ask('x'))));
    });
    expect(log.filter((line) => !line.includes('complete'))).toStrictEqual([
      '0 a 1:x',
      '90 a 1:x',
      '180 a 1:x',
      '280 peer 1 closed by peer',
    ]);
  });

  it('close a connection of `maxAge` when it is idle, or when its use ends', () => {
    const log = inVirtualTime(10_000, (v) => {
      const { db } = pooled(v, { maxAge: 100, idleTimeout: 0 });
      noteAll(v, 'a', db.use(ask('x')));
      v.at(200, () =>
        noteAll(
          v,
          'b',
          db.use(() => timer(150)),
        ),
      );
      v.at(360, () => noteAll(v, 'c', db.use(ask('y'))));
    });
    expect(log).toStrictEqual([
      ...['0 a 1:x', '0 a complete', '100 peer 1 closed by peer'],
      ...['350 b 0', '350 b complete', '350 peer 2 closed by peer', '360 c 3:y', '360 c complete', '460 peer 3 closed by peer'],
    ]);
  });

  it('close a connection after `maxUses`', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { maxUses: 2 });
      for (const at of [0, 10, 20]) v.at(at, () => noteAll(v, 'a', db.use(ask('x'))));
    });
    expect(log.filter((line) => !line.includes('complete'))).toStrictEqual(['0 a 1:x', '10 a 1:x', '10 peer 1 closed by peer', '20 a 2:x']);
  });

  it('keep an idle connection forever with 0 and Infinity', () => {
    for (const idleTimeout of [0, Infinity]) {
      const log = inVirtualTime(1e9, (v) => {
        const { db } = pooled(v, { idleTimeout });
        v.at(0, () => noteAll(v, 'a', db.use(ask('x'))));
        v.at(9e8, () => noteAll(v, 'b', db.use(ask('x'))));
      });
      expect(log).toContain('900000000 b 1:x');
    }
  });

  it('error a use with ETOCONNECT that has waited for `waitTimeout`, and serve the next one', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 1, waitTimeout: 100 });
      noteAll(
        v,
        'a',
        db.use(() => timer(150)),
      );
      v.at(10, () => {
        db.use(ask('b')).subscribe({ error: (error: unknown) => v.note((error as Error).message) });
      });
      v.at(60, () => noteAll(v, 'c', db.use(ask('c'))));
    });
    expect(log).toStrictEqual([
      '110 the pool had no connection for this use within 100 ms (waitTimeout): of max = 1, 1 were busy and 0 connecting [ETOCONNECT]',
      ...['150 a 0', '150 a complete', '150 c 1:c', '150 c complete'],
    ]);
  });

  it('count the dial and `open` to `waitTimeout`, and cancel a dial that no use waits for', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { waitTimeout: 100, open: () => NEVER });
      db.counts$.subscribe((counts) => v.note(countsText(counts)));
      noteAll(v, 'a', db.use(ask('a')));
    });
    expect(log).toStrictEqual(['0 i0 b0 c0 w0', '0 i0 b0 c1 w1', '100 a error ETOCONNECT', '100 i0 b0 c0 w0', '100 peer 1 closed by peer']);
  });

  it('reject a use at once when `max` are active and `maxWaiting` wait', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 2, maxWaiting: 1 });
      for (const name of ['a', 'b', 'c'])
        noteAll(
          v,
          name,
          db.use(() => timer(100)),
        );
      db.use(ask('d')).subscribe({ error: (error: unknown) => v.note((error as Error).message) });
      v.at(150, () => noteAll(v, 'e', db.use(ask('e'))));
    });
    expect(log[0]).toBe(
      '0 all connections of the pool are busy (max = 2) and maxWaiting = 1 uses wait, one more was rejected; wait for a use to end, or raise maxWaiting [EOUTBUFLIMIT]',
    );
    expect(log.filter((line) => / \w 0$/.test(line))).toStrictEqual(['100 a 0', '100 b 0', '200 c 0']);
    expect(log).toContain('150 e 2:e');
  });

  it('reset a closing connection when more than `max` peers do not end', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 1 }, { serve: (peer) => peer.pause(), options: { timeouts: { close: 500 } } });
      const leave = (name: number) => (io: IOStream) => {
        io.closed$.subscribe(() => v.note(`${name} freed`));
        io.end();
        return EMPTY;
      };
      for (const at of [0, 10, 20]) v.at(at, () => db.use(leave(at)).subscribe());
    });
    expect(log.filter((line) => line.includes('freed'))).toStrictEqual(['10 10 freed', '20 20 freed', '500 0 freed']);
  });
});
