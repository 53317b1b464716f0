import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { asyncScheduler } from 'rxjs';
import { describe, it } from 'vitest';
import { TimerQueue } from '../../../src/testing/memory/timer-queue.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { randomOf } from '../../../src/testing/rechunk.ts';
import { invariants } from '../../support/harness.ts';

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
    assert.equal(clock.pending, 1);
    clock.advance(100);
    assert.deepEqual(
      ran,
      expected.sort((a, b) => a.at - b.at || a.index - b.index),
    );
    assert.equal(clock.pending, 0);
  });

  it('is one for each scheduler', () => {
    const clock = new Clock();
    assert.equal(TimerQueue.of(clock), TimerQueue.of(clock));
    assert.notEqual(TimerQueue.of(clock), TimerQueue.of(new Clock()));
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
    assert.deepEqual(ran, ['soon']);
    assert.equal(clock.pending, 1);
    late.unsubscribe();
    assert.equal(clock.pending, 0);
    assert.equal(agenda.schedule(() => ran.push('never'), Infinity).closed, true);
    assert.equal(clock.pending, 0);
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
    assert.deepEqual(ran, ['first', 'third']);
  });

  it(
    'runs on real time, also for more than timers can wait',
    invariants(async (h) => {
      let ran = false;
      const never = TimerQueue.of(asyncScheduler).schedule(() => assert.fail('it ran'), 2 ** 40);
      TimerQueue.of(asyncScheduler).schedule(() => (ran = true), 1);
      await h.until(() => ran);
      await turn();
      never.unsubscribe();
    }),
  );
});
