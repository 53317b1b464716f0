import { asyncScheduler, VirtualTimeScheduler } from 'rxjs';

/** A scheduler whose time passes only when it is told to, and which knows what still waits on it. */
export class Clock extends VirtualTimeScheduler {
  /** How often something was scheduled since the start. */
  scheduled = 0;

  override schedule: VirtualTimeScheduler['schedule'] = (work, delay, state) => {
    this.scheduled += 1;
    return super.schedule(work, delay, state);
  };

  /** How many jobs wait. */
  get pending(): number {
    return this.actions.length;
  }

  /** Lets so many milliseconds pass, and runs what is due meanwhile. */
  advance(ms: number): void {
    const target = this.frame + ms;
    this.maxFrames = target;
    this.flush();
    this.frame = target;
  }
}

/** Lets the event loop turn once: everything that is due now happens. */
export function turn(ms = 0): Promise<void> {
  return new Promise((resolve) => {
    timers.ours = true;
    asyncScheduler.schedule(() => resolve(), ms);
    timers.ours = false;
  });
}

/** Whether the timer that is being started is one of the check itself. */
const timers = { ours: false };

const STARTERS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];

/** Tells the names of global timers that are started past the schedulers; returns what ends it. */
export function watchTimers(told: (name: string) => void): () => void {
  const globals = globalThis as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  const before = STARTERS.map((name) => [name, globals[name]] as const);
  for (const [name, start] of before) {
    if (!start) continue;
    globals[name] = (...args) => {
      if (!timers.ours) told(name);
      return start(...args);
    };
  }
  return () => {
    for (const [name, start] of before) globals[name] = start;
  };
}

/** How {@link until} waits. */
export interface Patience {
  /** Real milliseconds until it is given up. */
  readonly patience: number;
  /** Called at each turn: virtual time passes here. */
  readonly tick?: (() => void) | undefined;
}

/** Waits until something is so; tells whether it came to be. */
export async function until(passes: () => boolean, { patience, tick }: Patience): Promise<boolean> {
  const end = asyncScheduler.now() + patience;
  for (let round = 0; !passes(); round += 1) {
    if (asyncScheduler.now() > end) return false;
    // Ticks of asapScheduler are over after a few promises; only what is slower costs a turn of the loop.
    if (round % 8 === 7) await turn();
    else await Promise.resolve();
    tick?.();
  }
  return true;
}
