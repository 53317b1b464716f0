import { Subscription, type SchedulerLike } from 'rxjs';

/** The longest delay Node's timers take; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

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
 * When the time is over it lets one more turn of the event loop pass: timers run before sockets are polled, so after a blocked
 * loop the answer may already be there, and an answer that came in time must win.
 */
export function after(ms: number, scheduler: SchedulerLike, work: () => void, { unref = false }: AfterOptions = {}): Subscription {
  const timer = new Subscription();
  if (ms === Infinity) return timer;
  const schedule = (then: () => void, delay: number): void => {
    const action = scheduler.schedule(then, delay);
    if (unref) (action as { id?: { unref?: () => void } }).id?.unref?.();
    timer.add(action);
  };
  const wait = (left: number): void => {
    const step = Math.min(left, LONGEST);
    schedule(() => (step < left ? wait(left - step) : schedule(work, 0)), step);
  };
  wait(Math.max(0, ms));
  return timer;
}
