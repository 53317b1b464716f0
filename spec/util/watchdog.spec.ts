import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Watchdog } from '../../src/util/watchdog.ts';

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
  it('fires once when there was no activity for its limit', () => {
    const { dog, timeouts } = watched();
    dog.touch();
    expect(timeouts()).toStrictEqual([100]);
  });

  it('counts from the last `touch`', () => {
    const { dog, at, timeouts } = watched();
    for (const ms of [0, 50, 99, 198, 250]) at(ms, () => dog.touch());
    expect(timeouts()).toStrictEqual([350]);
  });

  it('fires again only after a `touch`', () => {
    const { dog, at, timeouts } = watched();
    dog.touch();
    at(500, () => dog.touch());
    expect(timeouts()).toStrictEqual([100, 600]);
  });

  it('does not fire while its target is not waiting', () => {
    const { dog, at, state, timeouts } = watched();
    dog.touch();
    at(50, () => (state.isWaiting = false));
    at(1000, () => {
      state.isWaiting = true;
      dog.touch();
    });
    expect(timeouts()).toStrictEqual([1100]);
  });

  it('never fires with Infinity, and has no timer then', () => {
    const { dog, scheduler, timeouts } = watched(Infinity);
    dog.touch();
    expect(scheduler.actions.length).toBe(0);
    expect(timeouts()).toStrictEqual([]);
  });

  it('takes a new limit with restart, counted from then', () => {
    const { dog, at, state, timeouts } = watched();
    dog.touch();
    at(50, () => {
      state.limit = 10;
      dog.restart();
    });
    expect(timeouts()).toStrictEqual([60]);
  });

  it('does not fire after `stop`', () => {
    const { dog, scheduler, timeouts } = watched();
    dog.touch();
    dog.stop();
    expect(timeouts()).toStrictEqual([]);
    expect(scheduler.actions.length).toBe(0);
  });

  it('uses one timer, however often it is touched', () => {
    const { dog, scheduler } = watched();
    for (let each = 0; each < 1000; each += 1) dog.touch();
    expect(scheduler.actions.length).toBe(1);
  });
});
