import { Subscription, type SchedulerLike } from 'rxjs';
import { isRealTime, steadyScheduler } from './real-time.ts';

/** The longest delay of Node's timers; a longer one fires at once. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/** How long to wait at most after a blocked event loop, in milliseconds; how often; and which delay is no block. */
const MAX_GRACE = 100;
const MAX_TURNS = 8;
const ON_TIME = 2;

/** How {@link after} waits. */
export interface AfterOptions {
  /** Do not keep the process alive for this timer. Has no effect in virtual time. @default false */
  readonly unref?: boolean;
}

/**
 * Calls `work` once, `ms` milliseconds from now on `scheduler`; Infinity is never.
 *
 * Timers run before sockets are polled: after a blocked event loop an answer may already wait in the kernel, and an answer that
 * came in time must win. So the work waits for one more turn of the loop, and for further ones until a timer is on time.
 */
export function after(ms: number, scheduler: SchedulerLike, work: () => void, { unref = false }: AfterOptions = {}): Subscription {
  const timer = new Subscription();
  if (ms === Infinity) return timer;
  const isReal = isRealTime(scheduler);
  const clock = steadyScheduler(scheduler);
  let running: ReturnType<typeof setTimeout> | undefined;
  // Node's own timers in real time: an action of `asyncScheduler` costs three times as much.
  if (isReal) timer.add(() => clearTimeout(running));
  const schedule = (then: () => void, delay: number): void => {
    if (isReal) {
      running = setTimeout(then, delay);
      if (unref) (running as { unref?: () => void }).unref?.();
    } else timer.add(scheduler.schedule(then, delay));
  };
  const settle = (late: number, turns: number): void => {
    const grace = Math.min(Math.max(0, late), MAX_GRACE);
    const due = clock.now() + grace;
    schedule(() => {
      const stillLate = clock.now() - due;
      if (stillLate <= ON_TIME || turns === 0) work();
      else settle(stillLate, turns - 1);
    }, grace);
  };
  const wait = (remaining: number): void => {
    const step = Math.min(remaining, MAX_TIMER_DELAY);
    const due = clock.now() + step;
    schedule(() => {
      if (step < remaining) wait(remaining - step);
      else settle(clock.now() - due, MAX_TURNS);
    }, step);
  };
  wait(Math.max(0, ms));
  return timer;
}
