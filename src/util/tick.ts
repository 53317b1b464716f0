import { Subscription, type SchedulerLike } from 'rxjs';
import { ticksOf, type TickQueue, type TickTarget } from './tick-queue.ts';

/** Calls its target once at the end of each tick in which it was requested. */
export class Tick implements TickTarget {
  readonly #ticks: TickQueue;
  readonly #target: TickTarget;
  #isDue = false;

  /**
   * @param scheduler in real time, a tick ends with a microtask. On any other scheduler, it ends with an action without delay.
   * @param target called at the end of the tick.
   */
  constructor(scheduler: SchedulerLike, target: TickTarget) {
    this.#ticks = ticksOf(scheduler);
    this.#target = target;
  }

  request(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#ticks.add(this);
  }

  onTick(): void {
    if (!this.#isDue) return;
    this.#isDue = false;
    this.#target.onTick();
  }

  /** Cancels the request. */
  cancel(): void {
    if (!this.#isDue) return;
    this.#isDue = false;
    this.#ticks.remove(this);
  }
}

/** Calls `work` once at the end of this tick, unless the returned subscription is unsubscribed before. */
export function atTickEnd(scheduler: SchedulerLike, work: () => void): Subscription {
  const ticks = ticksOf(scheduler);
  const job = new Subscription();
  const target = {
    onTick: () => {
      if (job.closed) return;
      job.remove(undoing);
      job.unsubscribe();
      work();
    },
  };
  const undoing = new Subscription(() => ticks.remove(target));
  job.add(undoing);
  ticks.add(target);
  return job;
}
