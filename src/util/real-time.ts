import { animationFrameScheduler, asapScheduler, asyncScheduler, queueScheduler, type SchedulerLike } from 'rxjs';

/**
 * Default scheduler of every stream: `asyncScheduler` with a monotonic clock. With a wall clock, setting it back by an hour would
 * delay every timeout by an hour.
 */
export const realTime: SchedulerLike = {
  now: () => performance.timeOrigin + performance.now(),
  schedule: /* @__PURE__ */ asyncScheduler.schedule.bind(asyncScheduler),
};

const REAL: ReadonlySet<SchedulerLike> = new Set([realTime, asyncScheduler, asapScheduler, queueScheduler, animationFrameScheduler]);

/** Whether a scheduler runs in real time. Any other one, such as a `TestScheduler`, controls its own time. */
export function isRealTime(scheduler: SchedulerLike): boolean {
  return REAL.has(scheduler);
}

/** Replaces the real-time schedulers of RxJS, which use the wall clock, with {@link realTime}. */
export function steadyScheduler(scheduler: SchedulerLike): SchedulerLike {
  return isRealTime(scheduler) ? realTime : scheduler;
}
