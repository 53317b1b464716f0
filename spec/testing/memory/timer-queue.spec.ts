import { setImmediate as turn } from 'node:timers/promises';
import { asyncScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { TimerQueue } from '../../../src/testing/memory/timer-queue.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { randomOf } from '../../../src/testing/random-of.ts';
import { spec } from '../../support/spec.ts';

describe('TimerQueue', () => {
  it('runs jobs when they are due, in the order of scheduling, with one timer', () => {
    const clock = new Clock();
    const queue = TimerQueue.of(clock);
    const random = randomOf(5);
    const expected: { at: number; index: number }[] = [];
    const ran: { at: number; index: number }[] = [];
    for (let index = 0; index < 500; index += 1) {
      const at = Math.floor(random() * 50);
      const job = queue.schedule(() => ran.push({ at: clock.now(), index }), at);
      if (random() < 0.3) job.unsubscribe();
      else expected.push({ at, index });
    }
    expect(clock.pending).toBe(1);
    clock.advance(100);
    expect(ran).toStrictEqual(expected.sort((a, b) => a.at - b.at || a.index - b.index));
    expect(clock.pending).toBe(0);
  });

  it('has one queue per scheduler', () => {
    const clock = new Clock();
    expect(TimerQueue.of(clock)).toBe(TimerQueue.of(clock));
    expect(TimerQueue.of(clock)).not.toBe(TimerQueue.of(new Clock()));
  });

  it('leaves no timer when its jobs are cancelled, and wakes earlier for an earlier job', () => {
    const clock = new Clock();
    const queue = TimerQueue.of(clock);
    const ran: string[] = [];
    const late = queue.schedule(() => ran.push('late'), 100);
    const early = queue.schedule(() => ran.push('early'), 10);
    early.unsubscribe();
    early.unsubscribe();
    queue.schedule(() => ran.push('soon'), 5);
    clock.advance(5);
    expect(ran).toStrictEqual(['soon']);
    expect(clock.pending).toBe(1);
    late.unsubscribe();
    expect(clock.pending).toBe(0);
    expect(queue.schedule(() => ran.push('never'), Infinity).closed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('skips a job that another job cancels, and runs a new job in the next turn', () => {
    const clock = new Clock();
    const queue = TimerQueue.of(clock);
    const ran: string[] = [];
    queue.schedule(() => {
      ran.push('first');
      second.unsubscribe();
      queue.schedule(() => ran.push('third'), 0);
    }, 1);
    const second = queue.schedule(() => ran.push('second'), 1);
    clock.advance(1);
    expect(ran).toStrictEqual(['first', 'third']);
  });

  spec('runs in real time, also for delays longer than a timer allows', async (h) => {
    let ran = false;
    const never = TimerQueue.of(asyncScheduler).schedule(() => expect.unreachable('it ran'), 2 ** 40);
    TimerQueue.of(asyncScheduler).schedule(() => (ran = true), 1);
    await h.until(() => ran);
    await turn();
    never.unsubscribe();
  });
});
