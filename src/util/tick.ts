import { Subscription, throwError, type SchedulerLike } from 'rxjs';
import { isRealTime } from './real-time.ts';

/** Maximum number of consecutive microtask rounds before timers and sockets get a turn. */
const MAX_ROUNDS = 256;

// Captured at import: fake timers of a test (`vi.useFakeTimers()`, `mock.timers`) must not stop the bytes.
const RESOLVED = Promise.resolve();
/** Calls `work` in the next turn of the event loop, in real time. */
export const nextTurn: (work: () => void) => void =
  (globalThis as Partial<Pick<typeof globalThis, 'setImmediate'>>).setImmediate ?? setTimeout;

/** Target of a call at the end of a tick. */
export interface TickTarget {
  onTick(): void;
}

/** Reports an error that has no handler as RxJS does: to `config.onUnhandledError`, otherwise as an uncaught exception. */
export function reportUnhandled(error: unknown): void {
  throwError(() => error).subscribe();
}

/** Targets to call at the end of this tick on one scheduler. A throw of one target is reported, and does not stop the others. */
class TickQueue {
  readonly #schedule: (run: () => void) => Subscription | undefined;
  #due: TickTarget[] = [];
  /** The emptied list of the last round: two lists alternate. */
  #free: TickTarget[] = [];
  #job: Subscription | undefined | 'scheduled';

  constructor(schedule: (run: () => void) => Subscription | undefined) {
    this.#schedule = schedule;
  }

  add(target: TickTarget): void {
    this.#due.push(target);
    // A virtual scheduler drops its actions after an error. Without the second condition no later tick would run.
    if (this.#job === undefined || (this.#job !== 'scheduled' && this.#job.closed)) this.#job = this.#schedule(this.#run) ?? 'scheduled';
  }

  /** Removes a target, and the action of a virtual scheduler that no other target needs. The target may still be called. */
  remove(target: TickTarget): void {
    if (this.#job === undefined || this.#job === 'scheduled') return;
    this.#due = this.#due.filter((each) => each !== target);
    if (this.#due.length > 0) return;
    this.#job.unsubscribe();
    this.#job = undefined;
  }

  readonly #run = (): void => {
    const due = this.#due;
    this.#due = this.#free;
    this.#job = undefined;
    for (const target of due) {
      try {
        target.onTick();
      } catch (error) {
        reportUnhandled(error);
      }
    }
    due.length = 0;
    this.#free = due;
  };
}

let rounds = 0;

/** One microtask for all streams. After `MAX_ROUNDS` a turn of the event loop, so that writing on each SENT does not starve it. */
const realTicks: TickQueue = new TickQueue((run) => {
  rounds += 1;
  if (rounds < MAX_ROUNDS) void RESOLVED.then(run);
  else
    nextTurn(() => {
      rounds = 0;
      run();
    });
  return undefined;
});

const virtualTicks = new WeakMap<SchedulerLike, TickQueue>();

function ticksOf(scheduler: SchedulerLike): TickQueue {
  if (isRealTime(scheduler)) return realTicks;
  let ticks = virtualTicks.get(scheduler);
  if (!ticks) virtualTicks.set(scheduler, (ticks = new TickQueue((run) => scheduler.schedule(run))));
  return ticks;
}

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
