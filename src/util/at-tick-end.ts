import { Subscription, type SchedulerLike } from 'rxjs';
import { ticksOf, type TickTarget } from './tick-queue.ts';

/** Calls `work` once at the end of this tick, unless the returned subscription is unsubscribed before. */
export function atTickEnd(scheduler: SchedulerLike, work: () => void): Subscription {
  const ticks = ticksOf(scheduler);
  const job = new Subscription(() => ticks.cancel(target));
  const target: TickTarget = {
    isTickDue: false,
    onTick: () => {
      job.unsubscribe();
      work();
    },
  };
  ticks.request(target);
  return job;
}
