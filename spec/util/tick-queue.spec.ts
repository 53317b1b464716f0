import { setImmediate as turn } from 'node:timers/promises';
import { asapScheduler, asyncScheduler, config, queueScheduler, VirtualTimeScheduler, type SchedulerLike } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { atTickEnd } from '../../src/util/at-tick-end.ts';
import { ticksOf } from '../../src/util/tick-queue.ts';
import { spec } from '../support/spec.ts';
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

interface Requester {
  request(): void;
  cancel(): void;
}

/** A target of ticks that logs its name, then does more. */
function logging(log: string[], name: string, scheduler: SchedulerLike = realTime, more: (tick: Requester) => void = () => {}): Requester {
  const target = {
    isTickDue: false,
    onTick: (): void => {
      log.push(name);
      more(tick);
    },
  };
  const ticks = ticksOf(scheduler);
  const tick = { request: () => ticks.request(target), cancel: () => ticks.cancel(target) };
  return tick;
}

describe('TickQueue', () => {
  it('calls its target once, after the code that requested it, and before timers', async () => {
    const log: string[] = [];
    setImmediate(() => log.push('immediate'));
    const tick = logging(log, 'tick');
    tick.request();
    tick.request();
    log.push('caller');
    await turn();
    expect(log).toStrictEqual(['caller', 'tick', 'immediate']);
  });

  it('keeps the order of requests, those of one run after all of the run before', async () => {
    const log: string[] = [];
    const c = logging(log, 'c');
    const [a, b] = [logging(log, 'a', realTime, () => c.request()), logging(log, 'b')];
    a.request();
    b.request();
    await turn();
    expect(log).toStrictEqual(['a', 'b', 'c']);
  });

  it('calls its target again when that requests it', async () => {
    const log: string[] = [];
    logging(log, 'x', realTime, (tick) => {
      if (log.length < 5) tick.request();
    }).request();
    await turn();
    expect(log.length).toBe(5);
  });

  it('reports the throw of a target, and calls all others', async () => {
    const log: string[] = [];
    const error = new Error('mine');
    const fail = (): never => {
      throw error;
    };
    for (const name of ['a', 'b', 'c']) logging(log, name, realTime, name === 'b' ? fail : undefined).request();
    await turn();
    logging(log, 'later').request();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect([log, reported]).toStrictEqual([['a', 'b', 'c', 'later'], [error]]);
  });

  it('does not call a target whose request was cancelled, also by another one of the same tick', async () => {
    const log: string[] = [];
    const [b, c] = [logging(log, 'b'), logging(log, 'c')];
    const a = logging(log, 'a', realTime, () => c.cancel());
    for (const each of [a, b, c]) each.request();
    b.cancel();
    await turn();
    expect(log).toStrictEqual(['a']);
  });

  it('lets the event loop turn when ticks never end', async () => {
    const log: string[] = [];
    let isOver = false;
    logging(log, 'x', realTime, (tick) => {
      if (!isOver) tick.request();
    }).request();
    for (let each = 0; each < 3; each += 1) await turn();
    isOver = true;
    await turn();
    expect(log.length > 1 && log.length < 5000, String(log.length)).toBe(true);
  });

  spec.each(Object.entries({ asapScheduler, asyncScheduler, queueScheduler }))(
    'does not depend on actions of %s',
    async (_h, _, scheduler) => {
      const log: string[] = [];
      asapScheduler.schedule(() => {
        throw new Error('of other code');
      });
      logging(log, 'tick', scheduler).request();
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(log).toStrictEqual(['tick']);
    },
    { uncaught: (error) => (error as Error).message === 'of other code' },
  );

  it('comes although timers are frozen', async () => {
    vi.useFakeTimers();
    const log: string[] = [];
    logging(log, 'x', realTime, (tick) => {
      if (log.length < 1000) tick.request();
    }).request();
    for (let each = 0; each < 10_000 && log.length < 1000; each += 1) await turn();
    expect(log.length).toBe(1000);
  });

  describe('in virtual time', () => {
    it('comes when the scheduler runs, at the same moment', () => {
      const scheduler = new VirtualTimeScheduler();
      const log: string[] = [];
      logging(log, 'tick', scheduler, () => log.push(String(scheduler.now()))).request();
      expect(log).toStrictEqual([]);
      scheduler.flush();
      expect(log).toStrictEqual(['tick', '0']);
    });

    it('leaves no action behind when it is cancelled', () => {
      const scheduler = new VirtualTimeScheduler();
      const tick = logging([], 'x', scheduler);
      tick.request();
      tick.cancel();
      expect(scheduler.actions.filter(({ closed }) => !closed)).toStrictEqual([]);
    });

    it('is requested again after a run of the scheduler that threw', () => {
      const scheduler = new TestScheduler(() => {});
      const log: string[] = [];
      expect(() =>
        scheduler.run(() => {
          scheduler.schedule(() => {
            throw new Error('of the test');
          });
          logging(log, 'lost', scheduler).request();
        }),
      ).toThrow();
      scheduler.run(({ flush }) => {
        logging(log, 'found', scheduler).request();
        flush();
      });
      expect(log.includes('found'), log.join()).toBe(true);
    });

    it('has a queue for each scheduler', () => {
      const [one, two] = [new VirtualTimeScheduler(), new VirtualTimeScheduler()];
      const log: string[] = [];
      logging(log, 'one', one).request();
      logging(log, 'two', two).request();
      two.flush();
      expect(log).toStrictEqual(['two']);
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
    expect(log).toStrictEqual(['a', 'true']);
  });
});
