import { animationFrameScheduler, asapScheduler, asyncScheduler, queueScheduler, type SchedulerLike } from 'rxjs';

/**
 * The default scheduler of every stream: `asyncScheduler` with a clock that never jumps. A wall clock that is set back by an hour
 * would delay every timeout by an hour.
 */
export const realTime: SchedulerLike = {
  now: () => performance.timeOrigin + performance.now(),
  schedule: asyncScheduler.schedule.bind(asyncScheduler),
};

const REAL: ReadonlySet<SchedulerLike> = new Set([realTime, asyncScheduler, asapScheduler, queueScheduler, animationFrameScheduler]);

/** Whether time passes by itself on this scheduler; on any other one, such as a `TestScheduler`, all is left to it. */
export function isRealTime(scheduler: SchedulerLike): boolean {
  return REAL.has(scheduler);
}

/** Replaces the schedulers of RxJS that run in real time, whose clock is the wall clock, by {@link realTime}. */
export function steadyScheduler(scheduler: SchedulerLike): SchedulerLike {
  return isRealTime(scheduler) ? realTime : scheduler;
}
