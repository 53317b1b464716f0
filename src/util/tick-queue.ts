import type { SchedulerLike, Subscription } from 'rxjs';
import { nextTurn } from './next-turn.ts';
import { isRealTime } from './real-time.ts';
import { reportUnhandled } from './report-unhandled.ts';

/** Maximum number of consecutive microtask rounds before timers and sockets get a turn. */
const MAX_ROUNDS = 256;

// Captured at import: fake timers of a test (`vi.useFakeTimers()`, `mock.timers`) must not stop the bytes.
const RESOLVED = /* @__PURE__ */ Promise.resolve();

/** Target of a call at the end of a tick. */
export interface TickTarget {
  /** Whether a call is due; kept by the queue. Initially false. */
  isTickDue: boolean;
  onTick(): void;
}

/** Targets to call at the end of this tick on one scheduler. A throw of one target is reported, and does not stop the others. */
export class TickQueue {
  readonly #schedule: (run: () => void) => Subscription | undefined;
  #due: TickTarget[] = [];
  /** The emptied list of the last round: two lists alternate. */
  #free: TickTarget[] = [];
  #job: Subscription | undefined | 'scheduled';

  constructor(schedule: (run: () => void) => Subscription | undefined) {
    this.#schedule = schedule;
  }

  /** Calls `target` once at the end of this tick, however often it is requested. */
  request(target: TickTarget): void {
    if (target.isTickDue) return;
    target.isTickDue = true;
    this.#due.push(target);
    // A virtual scheduler drops its actions after an error. Without the second condition no later tick would run.
    if (this.#job === undefined || (this.#job !== 'scheduled' && this.#job.closed)) this.#job = this.#schedule(this.#run) ?? 'scheduled';
  }

  /** Cancels a request, and the action of a virtual scheduler that no other target needs. */
  cancel(target: TickTarget): void {
    if (!target.isTickDue) return;
    target.isTickDue = false;
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
      if (!target.isTickDue) continue; // Cancelled.
      target.isTickDue = false;
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
const realTicks: TickQueue = /* @__PURE__ */ new TickQueue((run) => {
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

/**
 * Returns the queue of ticks of a scheduler. All schedulers in real time share one, whose tick ends with a microtask. On any other
 * scheduler, it ends with an action without delay.
 */
export function ticksOf(scheduler: SchedulerLike): TickQueue {
  if (isRealTime(scheduler)) return realTicks;
  let ticks = virtualTicks.get(scheduler);
  if (!ticks) virtualTicks.set(scheduler, (ticks = new TickQueue((run) => scheduler.schedule(run))));
  return ticks;
}
