import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { VirtualTimeScheduler } from 'rxjs';
import { directory } from '../../src/nats/directory.ts';
import type { Claim, DirectoryBucket } from '../../src/nats/directory-types.ts';
import { MemoryKv } from '../support/memory-kv.ts';
import { spec } from '../support/spec.ts';

/** Lets all requests to the bucket in memory complete. */
const settled = (): Promise<void> => wait(5);

/** The claim that an Observable has emitted. */
function claimOf(spy: { readonly values: readonly Claim[] }): Claim {
  const [claim] = spy.values;
  if (!claim) throw new Error('expected a claim that owns its session');
  return claim;
}

/** A scheduler whose clock moves by `advance` only. */
class Clock extends VirtualTimeScheduler {
  async advance(ms: number, step = 10): Promise<void> {
    for (let elapsed = 0; elapsed < ms; elapsed += step) {
      this.maxFrames = this.frame + step;
      const target = this.maxFrames;
      this.flush();
      this.frame = target;
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    }
  }
}

describe('directory', () => {
  spec('gives a session one owner, and rejects the claims of others with EBUSY', async (h) => {
    const sessions = directory(new MemoryKv());
    const first = h.observed(sessions.claim('u7', { value: 'node-1' }));
    await settled();
    expect(first.values).toMatchObject([{ session: 'u7', token: 1, revision: 1, value: 'node-1' }]);
    expect(await sessions.owner('u7')).toEqual({ session: 'u7', value: 'node-1', revision: 1 });
    const second = h.observed(sessions.claim('u7'));
    await second.ended;
    h.error(second.error, { code: 'EBUSY', phase: 'connect' });
    expect((second.error as Error).message).toMatch(/^another claim owns the session 'u7' \(revision 1\); use whenOwned/);
    expect(first.state).toBe('open');
  });

  spec('has one winner of 100 claims at the same time', async (h) => {
    const bucket = new MemoryKv();
    bucket.beforeWrite = () => wait(Math.random() * 5);
    const spies = Array.from({ length: 100 }, () => h.observed(directory(bucket).claim('u7')));
    await h.until(() => spies.filter((spy) => spy.state === 'error').length === 99);
    expect(spies.filter((spy) => spy.values.length === 1)).toHaveLength(1);
  });

  spec('releases a session at unsubscription, and a later claim gets a higher token', async (h) => {
    const sessions = directory(new MemoryKv());
    const first = h.observed(sessions.claim('u7'));
    await settled();
    first.unsubscribe();
    await settled();
    expect(await sessions.owner('u7')).toBeUndefined();
    const second = h.observed(sessions.claim('u7'));
    await settled();
    expect(claimOf(second).token).toBeGreaterThan(1);
  });

  spec('completes after release() has removed the entry', async (h) => {
    const sessions = directory(new MemoryKv());
    const spy = h.observed(sessions.claim('u7'));
    await settled();
    await claimOf(spy).release();
    expect(spy.state).toBe('complete');
    expect(await sessions.owner('u7')).toBeUndefined();
    await expect(claimOf(spy).update('late')).rejects.toMatchObject({ code: 'ESTALE' });
  });

  spec('removes the entry of a claim that is unsubscribed while it is created', async (h) => {
    const bucket = new MemoryKv();
    const sessions = directory(bucket);
    bucket.beforeWrite = (kind) => (kind === 'create' ? wait(20) : undefined);
    const spy = h.observed(sessions.claim('u7'));
    await settled();
    spy.unsubscribe();
    await h.until(() => bucket.writes === 2);
    expect(await sessions.owner('u7')).toBeUndefined();
    expect(spy.values).toEqual([]);
  });

  spec('removes the entry after a renewal in flight, whose revision the removal needs', async (h) => {
    const bucket = new MemoryKv();
    const sessions = directory(bucket);
    const spy = h.observed(sessions.claim('u7'));
    await settled();
    bucket.afterWrite = (kind) => (kind === 'update' ? wait(10) : undefined);
    const updating = claimOf(spy).update('two');
    await settled();
    spy.unsubscribe();
    await updating.catch(() => {});
    await h.until(() => bucket.writes === 3);
    expect(await sessions.owner('u7')).toBeUndefined();
  });

  spec('reports ESTALE to the old owner when another claim takes the session', async (h) => {
    const bucket = new MemoryKv();
    const [one, two] = [directory(bucket, { ttl: 2000, heartbeat: 20 }), directory(bucket)];
    const first = h.observed(one.claim('u7', { value: 'node-1' }));
    await settled();
    const second = h.observed(two.claim('u7', { value: 'node-2', whenOwned: 'take' }));
    await first.ended;
    h.error(first.error, { code: 'ESTALE', phase: 'write' });
    expect((first.error as Error).message).toMatch(
      /^the session 'u7' is no longer owned with token 1: another claim has taken it, .*; stop writing/,
    );
    expect(claimOf(second).token).toBeGreaterThan(claimOf(first).token);
    expect(await one.owner('u7')).toMatchObject({ value: 'node-2' });
  });

  spec('takes a session that its owner renews or releases between the read and the write', async (h) => {
    for (const meanwhile of ['update', 'release'] as const) {
      const bucket = new MemoryKv();
      const first = h.observed(directory(bucket).claim('u7', { value: 'node-1' }));
      await settled();
      bucket.beforeWrite = async (kind) => {
        if (kind !== 'update') return;
        bucket.beforeWrite = () => undefined;
        await claimOf(first)[meanwhile]('node-1, renewed');
      };
      const second = h.observed(directory(bucket).claim('u7', { value: 'node-2', whenOwned: 'take' }));
      await h.until(() => second.values.length === 1);
      expect(await directory(bucket).owner('u7')).toMatchObject({ value: 'node-2' });
    }
  });

  spec('rejects a claim with EBUSY if another one took the session between its read and its write', async (h) => {
    const bucket = new MemoryKv();
    h.observed(directory(bucket).claim('u7', { value: 'node-1' }));
    await settled();
    bucket.beforeWrite = async (kind) => {
      if (kind !== 'update') return;
      bucket.beforeWrite = () => undefined;
      const faster = h.observed(directory(bucket).claim('u7', { value: 'node-3', whenOwned: 'take' }));
      await h.until(() => faster.values.length === 1);
    };
    const second = h.observed(directory(bucket).claim('u7', { value: 'node-2', whenOwned: 'take' }));
    await second.ended;
    h.error(second.error, { code: 'EBUSY' });
    expect(await directory(bucket).owner('u7')).toMatchObject({ value: 'node-3' });
  });

  spec('refuses the stale write of an owner that has not noticed its loss', async (h) => {
    const bucket = new MemoryKv();
    const first = h.observed(directory(bucket).claim('u7', { value: 'node-1' }));
    await settled();
    h.observed(directory(bucket).claim('u7', { value: 'node-2', whenOwned: 'take' }));
    await settled();
    await expect(claimOf(first).update('stale')).rejects.toMatchObject({ code: 'ESTALE', session: 'u7', token: 1 });
    expect(await directory(bucket).owner('u7')).toMatchObject({ value: 'node-2' });
  });

  spec('keeps the token while renewals raise the revision', async (h) => {
    const spy = h.observed(directory(new MemoryKv(), { ttl: 2000, heartbeat: 10 }).claim('u7'));
    await h.until(() => (spy.values[0]?.revision ?? 0) > 3);
    expect(claimOf(spy).token).toBe(1);
  });

  spec('goes on when the acknowledgement of a renewal was lost', async (h) => {
    const bucket = new MemoryKv();
    const spy = h.observed(directory(bucket, { ttl: 2000, heartbeat: 10 }).claim('u7'));
    await settled();
    bucket.afterWrite = () => {
      throw new Error('timeout');
    };
    await h.until(() => bucket.writes > 3);
    bucket.afterWrite = () => undefined;
    expect(claimOf(spy).revision).toBeGreaterThan(2);
    await claimOf(spy).update('three');
    expect(spy.state).toBe('open');
  });

  spec('owns a session whose first acknowledgement was lost', async (h) => {
    const bucket = new MemoryKv();
    bucket.afterWrite = () => {
      throw new Error('timeout');
    };
    const spy = h.observed(directory(bucket).claim('u7'));
    await settled();
    expect(claimOf(spy).token).toBe(1);
  });

  spec('reports ESTALE when the broker has confirmed no renewal for ttl, and not before', async (h) => {
    const clock = new Clock();
    const bucket = new MemoryKv();
    const spy = h.observed(directory(bucket, { ttl: 900, heartbeat: 300, scheduler: clock }).claim('u7'));
    await settled();
    bucket.beforeWrite = () => {
      throw new Error('not reachable');
    };
    await clock.advance(880);
    expect(spy.state).toBe('open');
    await clock.advance(40);
    h.error(spy.error, { code: 'ESTALE' });
    expect((spy.error as Error).message).toContain('the broker has confirmed no renewal for ttl = 900 ms');
  });

  spec('lets a waiting claim take over only after the owner knows that it has expired', async (h) => {
    const clock = new Clock();
    const bucket = new MemoryKv();
    const timing = { ttl: 900, heartbeat: 300, scheduler: clock };
    let isCutOff = false;
    const ofOwner: DirectoryBucket = Object.assign(Object.create(bucket) as MemoryKv, {
      status: () => bucket.status(),
      get: (key: string) => (isCutOff ? Promise.reject(new Error('not reachable')) : bucket.get(key)),
      create: (key: string, data: string) => bucket.create(key, data),
      update: (key: string, data: string, revision: number) =>
        isCutOff ? Promise.reject(new Error('not reachable')) : bucket.update(key, data, revision),
    });
    const first = h.observed(directory(ofOwner, timing).claim('u7'));
    await settled();
    const second = h.observed(directory(bucket, timing).claim('u7', { whenOwned: 'wait' }));
    await clock.advance(3000);
    expect([first.state, claimOf(first).revision > 5, second.values]).toEqual(['open', true, []]);
    isCutOff = true;
    const isTaken = (): boolean => second.values.length > 0;
    let hadExpired = false;
    for (let elapsed = 0; elapsed < 3000 && !isTaken(); elapsed += 10) {
      hadExpired = first.state === 'error';
      await clock.advance(10);
    }
    expect(hadExpired).toBe(true);
    expect(claimOf(second).token).toBeGreaterThan(claimOf(first).token);
  });

  spec('counts ttl from a renewal that was stored, although it was confirmed only by its repetition', async (h) => {
    const clock = new Clock();
    const bucket = new MemoryKv();
    const timing = { ttl: 900, heartbeat: 300, scheduler: clock };
    const unreachable = (): Promise<never> => Promise.reject(new Error('not reachable'));
    let answers = 'all';
    const ofOwner: DirectoryBucket = Object.assign(Object.create(bucket) as MemoryKv, {
      status: () => bucket.status(),
      get: (key: string) => (answers === 'all' ? bucket.get(key) : unreachable()),
      create: (key: string, data: string) => bucket.create(key, data),
      update: (key: string, data: string, revision: number) => {
        if (answers === 'none') return unreachable();
        const stored = bucket.update(key, data, revision);
        return answers === 'all' ? stored : stored.then(unreachable);
      },
    });
    const first = h.observed(directory(ofOwner, timing).claim('u7'));
    await settled();
    await clock.advance(10);
    const second = h.observed(directory(bucket, timing).claim('u7', { whenOwned: 'wait' }));
    answers = 'lost';
    await clock.advance(300); // Stored after 300 ms. The waiting claim reads it after 310 ms.
    answers = 'all';
    await clock.advance(80); // Repeated after 375 ms: refused, because it is stored.
    expect(claimOf(first).revision).toBe(2);
    answers = 'none';
    let hadExpired = false;
    for (let elapsed = 0; elapsed < 3000 && second.values.length === 0; elapsed += 10) {
      hadExpired = first.state === 'error';
      await clock.advance(10);
    }
    expect([hadExpired, claimOf(second).token]).toEqual([true, 3]);
  });

  spec('waits on while the broker does not answer, and fails if it does not wait', async (h) => {
    const clock = new Clock();
    const bucket = new MemoryKv();
    const sessions = directory(bucket, { ttl: 900, heartbeat: 300, scheduler: clock });
    bucket.beforeWrite = () => {
      throw Object.assign(new Error('timeout'), { name: 'TimeoutError' });
    };
    const waiting = h.observed(sessions.claim('u7', { whenOwned: 'wait' }));
    const failing = h.observed(sessions.claim('u8'));
    await clock.advance(700);
    expect([waiting.state, failing.state]).toEqual(['open', 'error']);
    bucket.beforeWrite = () => undefined;
    await clock.advance(300);
    expect(claimOf(waiting).token).toBe(1);
  });

  spec('rejects what cannot be watched', () => {
    const sessions = directory(new MemoryKv());
    for (const pattern of ['a b', '', '.a', 'a.', 'a.>.b', 'a*', 5])
      expect(() => sessions.watch(pattern as string)).toThrow(
        /^expected watch to get a session, or a pattern such as 'user\.\*' or 'user\.>', got /,
      );
    for (const pattern of [undefined, 'u7', 'user.*', '*.a', 'user.>', '>']) sessions.watch(pattern);
  });

  spec('owns a session soon after its release if it waits', async (h) => {
    const sessions = directory(new MemoryKv(), { ttl: 2000, heartbeat: 20 });
    const first = h.observed(sessions.claim('u7'));
    await settled();
    const second = h.observed(sessions.claim('u7', { whenOwned: 'wait' }));
    await settled();
    first.unsubscribe();
    await h.until(() => second.values.length === 1);
  });

  spec('stops waiting at unsubscription', async (h) => {
    const bucket = new MemoryKv();
    const sessions = directory(bucket, { ttl: 60_000 });
    h.observed(sessions.claim('u7'));
    await settled();
    const waiting = h.observed(sessions.claim('u7', { whenOwned: 'wait' }));
    await settled();
    waiting.unsubscribe();
    await settled();
    expect(bucket.writes).toBe(1);
  });

  spec('rejects a bucket whose entries expire before ttl', async (h) => {
    const bucket = new MemoryKv();
    bucket.ttl = 5000;
    const spy = h.observed(directory(bucket, { ttl: 6000 }).claim('u7'));
    await spy.ended;
    expect(spy.error).toEqual(
      new TypeError(
        'expected the `ttl` of the bucket to be 0, or at least that of the directory (6000 ms), got 5000: entries would expire before their owners know',
      ),
    );
  });

  spec('emits owners and changes from watch, and no renewals', async (h) => {
    const bucket = new MemoryKv();
    const sessions = directory(bucket, { ttl: 2000, heartbeat: 10 });
    const first = h.observed(sessions.claim('u7', { value: 'node-1' }));
    await settled();
    const all = h.observed(sessions.watch());
    const other = h.observed(sessions.watch('u8'));
    await h.until(() => claimOf(first).revision > 3);
    await claimOf(first).update('node-1b');
    first.unsubscribe();
    await h.until(() => all.values.length === 3);
    expect(all.values.map(({ session, value }) => [session, value])).toEqual([
      ['u7', 'node-1'],
      ['u7', 'node-1b'],
      ['u7', undefined],
    ]);
    expect(other.values).toEqual([]);
  });

  spec('emits an owner as removed from watch when it has renewed nothing for ttl', async (h) => {
    const bucket = new MemoryKv();
    h.observed(directory(bucket, { ttl: 60_000 }).claim('u7', { value: 'dead' }));
    const watching = h.observed(directory(bucket, { ttl: 30, heartbeat: 10 }).watch());
    await h.until(() => watching.values.length === 2);
    expect(watching.values.map(({ value }) => value)).toEqual(['dead', undefined]);
  });

  spec('errors from watch when the connection is closed', async (h) => {
    const bucket = new MemoryKv();
    const watching = h.observed(directory(bucket).watch());
    await settled();
    bucket.stopWatches();
    await watching.ended;
    h.error(watching.error, { code: 'ECONNRESET' });
  });

  spec('reports EPROTOCOL for an entry of another program', async (h) => {
    const bucket = new MemoryKv();
    bucket.putRaw('u7', 'not JSON');
    const watching = h.observed(directory(bucket).watch());
    await watching.ended;
    h.error(watching.error, { code: 'EPROTOCOL' });
    await expect(directory(bucket).owner('u7')).rejects.toMatchObject({ code: 'EPROTOCOL' });
  });

  spec.each([
    [
      'a bucket without methods',
      () => directory({} as DirectoryBucket),
      'expected directory to get the KV of @nats-io/kv, got a value without get()',
    ],
    [
      'a ttl of 0',
      () => directory(new MemoryKv(), { ttl: 0 }),
      'expected `ttl` of directory to be milliseconds, more than 0, got 0 (number)',
    ],
    [
      'a heartbeat of more than half of ttl',
      () => directory(new MemoryKv(), { ttl: 10, heartbeat: 6 }),
      'expected `heartbeat` of directory to be at most half of ttl = 10 ms, so that one may fail; got 6',
    ],
    [
      'a session with a space',
      () => directory(new MemoryKv()).claim('a b'),
      'expected a session to be letters, digits and - _ / = in parts that dots separate, got "a b" (string); encode other text',
    ],
  ] as const)('throws for %s', (_h, _name, call, message) => {
    expect(call).toThrow(new TypeError(message));
  });
});
