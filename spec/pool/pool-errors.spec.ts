import { AsyncLocalStorage } from 'node:async_hooks';
import { concat, defer, map, NEVER, retry, tap, timer } from 'rxjs';
import { backoff, IOStream } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { pool } from '../../src/pool/pool.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { inVirtualTime } from '../stream/tools.ts';
import { ask, countsText, noteAll, pooled } from './pool-tools.ts';

describe('a failed dial of a pool', () => {
  it('errors one use each, in order, without a second attempt', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db, dials } = pooled(v, { max: 2 }, { refuse: () => true });
      for (const name of ['a', 'b', 'c', 'd']) noteAll(v, name, db.use(ask(name)));
      v.at(100, () => v.note(`dials ${dials()}`));
    });
    expect(log).toStrictEqual([...['a', 'b', 'c', 'd'].map((name) => `0 ${name} error ECONNREFUSED`), '100 dials 4']);
  });

  it('errors the use that has waited longest, and the others are served', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 2 }, { refuse: (dial) => dial === 2 });
      for (const name of ['a', 'b', 'c']) noteAll(v, name, db.use(ask(name)));
    });
    expect(log.filter((line) => !line.includes('complete')).toSorted()).toStrictEqual(['0 a 1:a', '0 b error ECONNREFUSED', '0 c 3:c']);
  });

  it('is repeated by `retry(backoff())`', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, {}, { refuse: (dial) => dial < 3 });
      noteAll(v, 'a', db.use(ask('a')).pipe(retry(backoff({ initial: 100, jitter: 0, scheduler: v.scheduler }))));
    });
    expect(log).toStrictEqual(['300 a 3:a', '300 a complete']);
  });

  it('errors the use with the TypeError of wrong options that a function returned', () => {
    const log = inVirtualTime(1000, (v) => {
      const db = pool({ connect: () => ({ host: 'x' }) as never, scheduler: v.scheduler });
      noteAll(v, 'a', db.use(ask('a')));
      db.counts$.subscribe((counts) => v.note(countsText(counts)));
    });
    expect(log).toStrictEqual([expect.stringMatching(/^0 a error TypeError: .*`host` without `port`/), '0 i0 b0 c0 w0']);
  });
});

describe('an aborted `signal` of the connections', () => {
  it('errors the active use and every later one with an AbortError', () => {
    const log = inVirtualTime(1000, (v) => {
      const controller = new AbortController();
      const { db } = pooled(v, {}, { options: { signal: controller.signal } });
      noteAll(
        v,
        'a',
        db.use(() => NEVER),
      );
      noteAll(
        v,
        'reader',
        db.use((io) => io.data$),
      );
      v.at(10, () => controller.abort());
      v.at(20, () => noteAll(v, 'b', db.use(ask('b'))));
      v.at(20, () => db.counts$.subscribe((counts) => v.note(countsText(counts))));
    });
    expect(log.filter((line) => !line.includes('peer'))).toStrictEqual([
      ...['10 a error ABORT_ERR', '10 reader error ABORT_ERR'],
      ...['20 i0 b0 c1 w1', '20 b error ABORT_ERR', '20 i0 b0 c0 w0'],
    ]);
  });
});

describe('a callback of a pool', () => {
  it('may use the pool inside a handler, which needs a second connection', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 2 });
      noteAll(
        v,
        'a',
        db.use((io) => concat(ask('outer')(io), db.use(ask('inner')))),
      );
    });
    expect(log).toStrictEqual(['0 a 1:outer', '0 a 2:inner', '0 a complete']);
  });

  it('waits for `waitTimeout` inside a handler that holds the only connection', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 1, waitTimeout: 100 });
      noteAll(
        v,
        'a',
        db.use(() => db.use(ask('inner'))),
      );
    });
    expect(log.slice(0, 1)).toStrictEqual(['100 a error ETOCONNECT']);
  });

  it('may close the pool inside a handler and inside `next`', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v, { max: 1 });
      noteAll(v, 'closed$', db.closed$);
      noteAll(v, 'a', db.use((io) => defer(() => (db.close(), ask('a')(io)))).pipe(tap(() => db.close())));
      noteAll(v, 'b', db.use(ask('b')));
    });
    expect(log).toStrictEqual(
      [
        '0 b error ECLOSED',
        '0 a 1:a',
        '0 a complete',
        expect.stringContaining('peer 1 closed'),
        '0 closed$ undefined',
        '0 closed$ complete',
      ].toSorted((x, y) => order(log, x) - order(log, y)),
    );
    expect(log).toContain('0 a 1:a');
  });

  it('may use and close the pool inside `counts$`', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      db.counts$.subscribe({
        next: (counts) => {
          v.note(countsText(counts));
          if (counts.busy === 1) db.close();
        },
        complete: () => v.note('counts$ complete'),
      });
      noteAll(
        v,
        'a',
        db.use((io) => timer(10).pipe(map(() => io.state))),
      );
    });
    expect(log).toStrictEqual(
      [
        '0 i0 b0 c0 w0',
        '0 i0 b1 c0 w0',
        '10 a open',
        '10 a complete',
        '10 i0 b0 c0 w0',
        '10 peer 1 closed by peer',
        '10 counts$ complete',
      ].toSorted((x, y) => order(log, x) - order(log, y)),
    );
  });

  it('may throw: the pool goes on', () => {
    const log = inVirtualTime(1000, (v) => {
      const { db } = pooled(v);
      noteAll(
        v,
        'a',
        db.use(ask('a')).pipe(
          tap(() => {
            throw Object.assign(new Error('no'), { code: 'ENO' });
          }),
        ),
      );
      v.at(10, () => noteAll(v, 'b', db.use(ask('b'))));
    });
    expect(log).toContain('0 a error ENO');
    expect(log).toContain('10 b 1:b');
  });

  it('runs in the async context of its subscriber, and the connection in that of the pool', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const db = context.run('pool', () =>
      pool({
        max: 1,
        connect: () => {
          const [near, far] = memoryPair();
          seen.push(`dial ${context.getStore()}`);
          const peer = new IOStream({ wire: far });
          peer.data$.subscribe({ next: (bytes) => peer.write(bytes), error: () => {} });
          return { wire: near };
        },
      }),
    );
    const use = (name: string): Promise<void> =>
      context.run(
        name,
        () =>
          new Promise((resolve) => {
            db.use((io) => {
              seen.push(`handler ${name} ${context.getStore()}`);
              return ask(name)(io);
            }).subscribe({
              next: () => seen.push(`next ${name} ${context.getStore()}`),
              complete: () => {
                seen.push(`complete ${name} ${context.getStore()}`);
                resolve();
              },
            });
          }),
      );
    await Promise.all([use('a'), use('b')]);
    expect(seen).toStrictEqual(['dial pool', 'handler a a', 'next a a', 'handler b b', 'complete a a', 'next b b', 'complete b b']);
    await db[Symbol.asyncDispose]();
  });
});

function order(log: readonly string[], line: unknown): number {
  const at = log.findIndex((each) => each === line);
  return at < 0 ? log.findIndex((each) => each.includes('peer')) : at;
}
