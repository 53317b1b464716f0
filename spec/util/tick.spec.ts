import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { asapScheduler, asyncScheduler, config, queueScheduler, VirtualTimeScheduler, type SchedulerLike } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterEach, beforeEach, describe, it, vi } from 'vitest';
import { atTickEnd, Tick } from '../../src/util/tick.ts';
import { invariants } from '../support/harness.ts';
import { realTime } from '../../src/util/real-time.ts';

let reported: unknown[];

beforeEach(() => {
  reported = [];
  config.onUnhandledError = (error: unknown) => void reported.push(error);
});
afterEach(() => {
  config.onUnhandledError = null;
  vi.useRealTimers();
});

/** A tick whose target notes its name, then does more. */
const noting = (log: string[], name: string, scheduler: SchedulerLike = realTime, more: (tick: Tick) => void = () => {}): Tick => {
  const tick: Tick = new Tick(scheduler, {
    onTick: () => {
      log.push(name);
      more(tick);
    },
  });
  return tick;
};

describe('Tick', () => {
  it('calls its target once, after the code that requested it, and before timers', async () => {
    const log: string[] = [];
    setImmediate(() => log.push('immediate'));
    const tick = noting(log, 'tick');
    tick.request();
    tick.request();
    log.push('caller');
    await turn();
    assert.deepEqual(log, ['caller', 'tick', 'immediate']);
  });

  it('keeps the order of requests, those of one run after all of the run before', async () => {
    const log: string[] = [];
    const c = noting(log, 'c');
    const [a, b] = [noting(log, 'a', realTime, () => c.request()), noting(log, 'b')];
    a.request();
    b.request();
    await turn();
    assert.deepEqual(log, ['a', 'b', 'c']);
  });

  it('calls its target again when that requests it', async () => {
    const log: string[] = [];
    noting(log, 'x', realTime, (tick) => {
      if (log.length < 5) tick.request();
    }).request();
    await turn();
    assert.equal(log.length, 5);
  });

  it('reports what a target throws, and calls all others', async () => {
    const log: string[] = [];
    const error = new Error('mine');
    const fail = (): never => {
      throw error;
    };
    for (const name of ['a', 'b', 'c']) noting(log, name, realTime, name === 'b' ? fail : undefined).request();
    await turn();
    noting(log, 'later').request();
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual([log, reported], [['a', 'b', 'c', 'later'], [error]]);
  });

  it('does not call a target whose request was cancelled, also by another one of the same tick', async () => {
    const log: string[] = [];
    const [b, c] = [noting(log, 'b'), noting(log, 'c')];
    const a = noting(log, 'a', realTime, () => c.cancel());
    for (const each of [a, b, c]) each.request();
    b.cancel();
    await turn();
    assert.deepEqual(log, ['a']);
  });

  it('lets the event loop turn when ticks never end', async () => {
    const log: string[] = [];
    let isOver = false;
    noting(log, 'x', realTime, (tick) => {
      if (!isOver) tick.request();
    }).request();
    for (let each = 0; each < 3; each += 1) await turn();
    isOver = true;
    await turn();
    assert.ok(log.length > 1 && log.length < 5000, String(log.length));
  });

  it.each(Object.entries({ asapScheduler, asyncScheduler, queueScheduler }))('does not depend on actions of %s', (_, scheduler) =>
    invariants(
      async () => {
        const log: string[] = [];
        asapScheduler.schedule(() => {
          throw new Error('of other code');
        });
        noting(log, 'tick', scheduler).request();
        await new Promise((resolve) => setTimeout(resolve, 5));
        assert.deepEqual(log, ['tick']);
      },
      { uncaught: (error) => (error as Error).message === 'of other code' },
    )(),
  );

  it('comes although timers are frozen', async () => {
    vi.useFakeTimers();
    const log: string[] = [];
    noting(log, 'x', realTime, (tick) => {
      if (log.length < 1000) tick.request();
    }).request();
    for (let each = 0; each < 10_000 && log.length < 1000; each += 1) await turn();
    assert.equal(log.length, 1000);
  });

  describe('in virtual time', () => {
    it('comes when the scheduler runs, at the same moment', () => {
      const scheduler = new VirtualTimeScheduler();
      const log: string[] = [];
      noting(log, 'tick', scheduler, () => log.push(String(scheduler.now()))).request();
      assert.deepEqual(log, []);
      scheduler.flush();
      assert.deepEqual(log, ['tick', '0']);
    });

    it('leaves no action behind when it is cancelled', () => {
      const scheduler = new VirtualTimeScheduler();
      const tick = noting([], 'x', scheduler);
      tick.request();
      tick.cancel();
      assert.deepEqual(
        scheduler.actions.filter(({ closed }) => !closed),
        [],
      );
    });

    it('is requested again after a run of the scheduler that threw', () => {
      const scheduler = new TestScheduler(() => {});
      const log: string[] = [];
      assert.throws(() =>
        scheduler.run(() => {
          scheduler.schedule(() => {
            throw new Error('of the test');
          });
          noting(log, 'lost', scheduler).request();
        }),
      );
      scheduler.run(({ flush }) => {
        noting(log, 'found', scheduler).request();
        flush();
      });
      assert.ok(log.includes('found'), log.join());
    });

    it('has a queue for each scheduler', () => {
      const [one, two] = [new VirtualTimeScheduler(), new VirtualTimeScheduler()];
      const log: string[] = [];
      noting(log, 'one', one).request();
      noting(log, 'two', two).request();
      two.flush();
      assert.deepEqual(log, ['two']);
    });
  });
});

describe('atTickEnd', () => {
  it('calls once; unsubscribed before, never', async () => {
    const log: string[] = [];
    atTickEnd(realTime, () => log.push('a'));
    atTickEnd(realTime, () => log.push('b')).unsubscribe();
    const c = atTickEnd(realTime, () => log.push(String(c.closed)));
    await turn();
    assert.deepEqual(log, ['a', 'true']);
  });
});
