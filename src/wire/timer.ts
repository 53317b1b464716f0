import { Subscription, type SchedulerLike } from 'rxjs';

/** The longest delay Node's timers take; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** How much longer, at the most, is waited each time the event loop was blocked; how often; and what is no block. */
const GRACE = 100;
const TURNS = 8;
const PROMPT = 2;

/** How {@link after} waits. */
export interface AfterOptions {
  /**
   * Do not keep the process alive for this timer. Best effort: RxJS schedulers have no word for it, so the handle of an
   * `asyncScheduler` action is asked itself.
   */
  readonly unref?: boolean;
}

/**
 * Runs `work` once, `ms` milliseconds from now on `scheduler`; Infinity is never.
 *
 * Timers run before sockets are polled: after a blocked loop the answer may already be there, and an answer that came in time
 * must win. So the work waits for one more turn of the loop, and for further ones until a timer is on time: then the loop was
 * free, and what had come has been told.
 */
export function after(ms: number, scheduler: SchedulerLike, work: () => void, { unref = false }: AfterOptions = {}): Subscription {
  const timer = new Subscription();
  if (ms === Infinity) return timer;
  const schedule = (then: () => void, delay: number): void => {
    const action = scheduler.schedule(then, delay);
    if (unref) (action as { id?: { unref?: () => void } }).id?.unref?.();
    timer.add(action);
  };
  const settle = (late: number, turns: number): void => {
    const grace = Math.min(Math.max(0, late), GRACE);
    const due = scheduler.now() + grace;
    schedule(() => {
      const stillLate = scheduler.now() - due;
      if (stillLate <= PROMPT || turns === 0) work();
      else settle(stillLate, turns - 1);
    }, grace);
  };
  const wait = (left: number): void => {
    const step = Math.min(left, LONGEST);
    const due = scheduler.now() + step;
    schedule(() => {
      if (step < left) wait(left - step);
      else settle(scheduler.now() - due, TURNS);
    }, step);
  };
  wait(Math.max(0, ms));
  return timer;
}
