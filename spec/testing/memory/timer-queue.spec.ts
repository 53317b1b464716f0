import { setImmediate as turn } from 'node:timers/promises';
import { asyncScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { TimerQueue } from '../../../src/testing/memory/timer-queue.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { randomOf } from '../../../src/testing/random-of.ts';
import { spec } from '../../support/spec.ts';

describe('Agenda', () => {
  it('runs jobs when they are due, in the order in which they were given, as one timer', () => {
    const clock = new Clock();
    const agenda = TimerQueue.of(clock);
    const random = randomOf(5);
    const expected: { at: number; index: number }[] = [];
    const ran: { at: number; index: number }[] = [];
    for (let index = 0; index < 500; index += 1) {
      const at = Math.floor(random() * 50);
      const job = agenda.schedule(() => ran.push({ at: clock.now(), index }), at);
      if (random() < 0.3) job.unsubscribe();
      else expected.push({ at, index });
    }
    expect(clock.pending).toBe(1);
    clock.advance(100);
    expect(ran).toStrictEqual(expected.sort((a, b) => a.at - b.at || a.index - b.index));
    expect(clock.pending).toBe(0);
  });

  it('is one for each scheduler', () => {
    const clock = new Clock();
    expect(TimerQueue.of(clock)).toBe(TimerQueue.of(clock));
    expect(TimerQueue.of(clock)).not.toBe(TimerQueue.of(new Clock()));
  });

  it('leaves no timer when its jobs are called off, and wakes earlier for an earlier one', () => {
    const clock = new Clock();
    const agenda = TimerQueue.of(clock);
    const ran: string[] = [];
    const late = agenda.schedule(() => ran.push('late'), 100);
    const early = agenda.schedule(() => ran.push('early'), 10);
    early.unsubscribe();
    early.unsubscribe();
    agenda.schedule(() => ran.push('soon'), 5);
    clock.advance(5);
    expect(ran).toStrictEqual(['soon']);
    expect(clock.pending).toBe(1);
    late.unsubscribe();
    expect(clock.pending).toBe(0);
    expect(agenda.schedule(() => ran.push('never'), Infinity).closed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('gives a job that another one calls off no turn, and one that it gives the next', () => {
    const clock = new Clock();
    const agenda = TimerQueue.of(clock);
    const ran: string[] = [];
    agenda.schedule(() => {
      ran.push('first');
      second.unsubscribe();
      agenda.schedule(() => ran.push('third'), 0);
    }, 1);
    const second = agenda.schedule(() => ran.push('second'), 1);
    clock.advance(1);
    expect(ran).toStrictEqual(['first', 'third']);
  });

  spec('runs on real time, also for more than timers can wait', async (h) => {
    let ran = false;
    const never = TimerQueue.of(asyncScheduler).schedule(() => expect.unreachable('it ran'), 2 ** 40);
    TimerQueue.of(asyncScheduler).schedule(() => (ran = true), 1);
    await h.until(() => ran);
    await turn();
    never.unsubscribe();
  });
});
