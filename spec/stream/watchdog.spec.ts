import assert from 'node:assert/strict';
import { VirtualTimeScheduler } from 'rxjs';
import { describe, it } from 'vitest';
import { Watchdog } from '../../src/stream/watchdog.ts';

/** A watchdog on virtual time, and when it barked. */
function watched(limit = 100) {
  const scheduler = new VirtualTimeScheduler();
  const state = {
    limit,
    isWaiting: true,
    timeouts: [] as number[],
    onTimeout: (): void => void state.timeouts.push(scheduler.now()),
  };
  const dog = new Watchdog(scheduler, state);
  const at = (ms: number, work: () => void): void => void scheduler.schedule(work, ms);
  return { scheduler, state, dog, at, timeouts: () => (scheduler.flush(), state.timeouts) };
}

describe('Watchdog', () => {
  it('fires when nothing moved for its limit, and once', () => {
    const { dog, timeouts } = watched();
    dog.touch();
    assert.deepEqual(timeouts(), [100]);
  });

  it('counts from the last sign of life', () => {
    const { dog, at, timeouts } = watched();
    for (const ms of [0, 50, 99, 198, 250]) at(ms, () => dog.touch());
    assert.deepEqual(timeouts(), [350]);
  });

  it('fires again only after something moved', () => {
    const { dog, at, timeouts } = watched();
    dog.touch();
    at(500, () => dog.touch());
    assert.deepEqual(timeouts(), [100, 600]);
  });

  it('lets no time pass while there is nothing to watch', () => {
    const { dog, at, state, timeouts } = watched();
    dog.touch();
    at(50, () => (state.isWaiting = false));
    at(1000, () => {
      state.isWaiting = true;
      dog.touch();
    });
    assert.deepEqual(timeouts(), [1100]);
  });

  it('never fires with Infinity, and has no timer then', () => {
    const { dog, scheduler, timeouts } = watched(Infinity);
    dog.touch();
    assert.equal(scheduler.actions.length, 0);
    assert.deepEqual(timeouts(), []);
  });

  it('takes a new limit with restart, counted from then', () => {
    const { dog, at, state, timeouts } = watched();
    dog.touch();
    at(50, () => {
      state.limit = 10;
      dog.restart();
    });
    assert.deepEqual(timeouts(), [60]);
  });

  it('does not bark after stop', () => {
    const { dog, scheduler, timeouts } = watched();
    dog.touch();
    dog.stop();
    assert.deepEqual(timeouts(), []);
    assert.equal(scheduler.actions.length, 0);
  });

  it('costs one timer, however often it is touched', () => {
    const { dog, scheduler } = watched();
    for (let each = 0; each < 1000; each += 1) dog.touch();
    assert.equal(scheduler.actions.length, 1);
  });
});
