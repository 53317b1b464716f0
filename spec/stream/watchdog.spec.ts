import assert from 'node:assert/strict';
import { VirtualTimeScheduler } from 'rxjs';
import { describe, it } from 'vitest';
import { Watchdog } from '../../src/stream/watchdog.ts';

/** A watchdog on virtual time, and when it barked. */
function watched(limit = 100) {
  const scheduler = new VirtualTimeScheduler();
  const state = {
    limit,
    awaits: true,
    barks: [] as number[],
    alarm: (): void => void state.barks.push(scheduler.now()),
  };
  const dog = new Watchdog(scheduler, state);
  const at = (ms: number, work: () => void): void => void scheduler.schedule(work, ms);
  return { scheduler, state, dog, at, barks: () => (scheduler.flush(), state.barks) };
}

describe('Watchdog', () => {
  it('barks when nothing moved for its limit, and once', () => {
    const { dog, barks } = watched();
    dog.touch();
    assert.deepEqual(barks(), [100]);
  });

  it('counts from the last sign of life', () => {
    const { dog, at, barks } = watched();
    for (const ms of [0, 50, 99, 198, 250]) at(ms, () => dog.touch());
    assert.deepEqual(barks(), [350]);
  });

  it('barks again only after something moved', () => {
    const { dog, at, barks } = watched();
    dog.touch();
    at(500, () => dog.touch());
    assert.deepEqual(barks(), [100, 600]);
  });

  it('lets no time pass while there is nothing to watch', () => {
    const { dog, at, state, barks } = watched();
    dog.touch();
    at(50, () => (state.awaits = false));
    at(1000, () => {
      state.awaits = true;
      dog.touch();
    });
    assert.deepEqual(barks(), [1100]);
  });

  it('never barks with Infinity, and has no timer then', () => {
    const { dog, scheduler, barks } = watched(Infinity);
    dog.touch();
    assert.equal(scheduler.actions.length, 0);
    assert.deepEqual(barks(), []);
  });

  it('takes a new limit with restart, counted from then', () => {
    const { dog, at, state, barks } = watched();
    dog.touch();
    at(50, () => {
      state.limit = 10;
      dog.restart();
    });
    assert.deepEqual(barks(), [60]);
  });

  it('does not bark after stop', () => {
    const { dog, scheduler, barks } = watched();
    dog.touch();
    dog.stop();
    assert.deepEqual(barks(), []);
    assert.equal(scheduler.actions.length, 0);
  });

  it('costs one timer, however often it is touched', () => {
    const { dog, scheduler } = watched();
    for (let each = 0; each < 1000; each += 1) dog.touch();
    assert.equal(scheduler.actions.length, 1);
  });
});
