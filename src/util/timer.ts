import { Subscription, type SchedulerLike } from 'rxjs';
import { isRealTime, steadyScheduler } from './real-time.ts';

/** Maximum delay of Node's timers, in milliseconds. A longer one fires at once. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/** After a blocked event loop: maximum wait of one turn (ms), maximum number of turns, and delay that counts as on time (ms). */
const MAX_GRACE = 100;
const MAX_TURNS = 8;
const ON_TIME = 2;

/** Options of {@link after}. */
export interface AfterOptions {
  /** Whether the process may exit before the timer fires. Has no effect in virtual time. @default false */
  readonly unref?: boolean;
}

/**
 * Calls `work` once, `ms` milliseconds from now on `scheduler`. Never calls it if `ms` is Infinity.
 *
 * Node runs timers before it polls sockets. After a blocked event loop, the kernel may hold an answer that arrived in time, and
 * that answer must win. Therefore `work` is delayed by one more turn of the loop, and by further turns until a timer is on time.
 */
export function after(ms: number, scheduler: SchedulerLike, work: () => void, { unref = false }: AfterOptions = {}): Subscription {
  const timer = new Subscription();
  if (ms === Infinity) return timer;
  const isReal = isRealTime(scheduler);
  const clock = steadyScheduler(scheduler);
  let running: ReturnType<typeof setTimeout> | undefined;
  // Real time uses Node's own timers: an action of `asyncScheduler` costs three times as much.
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
