import { asyncScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { after } from '../../src/util/timer.ts';

const virtual = (work: (scheduler: TestScheduler, log: number[], at: () => void) => void): number[] => {
  const scheduler = new TestScheduler(() => {});
  const log: number[] = [];
  // Without `run` the clock is virtual, and has no largest time.
  scheduler.maxFrames = Infinity;
  work(scheduler, log, () => void log.push(scheduler.now()));
  scheduler.flush();
  return log;
};

describe('after', () => {
  it('calls once, when the time is over', () => {
    expect(virtual((scheduler, _log, at) => after(250, scheduler, at))).toEqual([250]);
  });

  it('calls at once for a time in the past', () => {
    expect(virtual((scheduler, _log, at) => after(-5, scheduler, at))).toEqual([0]);
  });

  it('never calls at Infinity, and schedules nothing', () => {
    const scheduler = new TestScheduler(() => {});
    after(Infinity, scheduler, () => {});
    expect(scheduler.actions).toEqual([]);
  });

  it('waits longer than the longest delay of Node', () => {
    const month = 31 * 24 * 3600 * 1000;
    expect(virtual((scheduler, _log, at) => after(month, scheduler, at))).toEqual([month]);
    const delays: number[] = [];
    virtual((scheduler, _log, at) => {
      const schedule = scheduler.schedule.bind(scheduler);
      scheduler.schedule = (work: () => void, delay: number) => {
        delays.push(delay);
        return schedule(work, delay);
      };
      after(month, scheduler, at);
    });
    expect(Math.max(...delays)).toBeLessThan(2 ** 31);
  });

  it('does not call after unsubscribe', () => {
    expect(
      virtual((scheduler, _log, at) => {
        const timer = after(100, scheduler, at);
        scheduler.schedule(() => timer.unsubscribe(), 99);
      }),
    ).toEqual([]);
  });

  it('can be stopped in its grace turn', () => {
    expect(
      virtual((scheduler, _log, at) => {
        const timer = after(100, scheduler, at);
        scheduler.schedule(() => timer.unsubscribe(), 100);
      }),
    ).toEqual([]);
  });

  it('calls after other work that is due at the same time', () => {
    const order: string[] = [];
    virtual((scheduler) => {
      after(100, scheduler, () => order.push('timeout'));
      scheduler.schedule(() => order.push('answer'), 100);
    });
    expect(order).toEqual(['answer', 'timeout']);
  });

  it('lets an answer win that arrived while the event loop was blocked', async () => {
    const winner = await new Promise<string>((resolve) => {
      // Timers run before the poll phase, where sockets are read; immediates come right after it.
      setImmediate(() => {
        after(5, asyncScheduler, () => resolve('timeout'));
        const until = performance.now() + 20;
        while (performance.now() < until);
        setImmediate(() => resolve('answer'));
      });
    });
    expect(winner).toBe('answer');
  });

  it('does not keep the process alive with `unref`', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const quiet = after(60_000, asyncScheduler, () => {}, { unref: true });
    expect(timers()).toBe(before);
    const loud = after(60_000, asyncScheduler, () => {});
    expect(timers()).toBe(before + 1);
    quiet.unsubscribe();
    loud.unsubscribe();
    expect(timers()).toBe(before);
  });
});
