import { asyncScheduler, VirtualTimeScheduler } from 'rxjs';

/** A virtual-time scheduler that is advanced by hand, and that counts its pending actions. */
export class Clock extends VirtualTimeScheduler {
  /** Number of actions scheduled since the start. */
  scheduled = 0;

  override schedule: VirtualTimeScheduler['schedule'] = (work, delay, state) => {
    this.scheduled += 1;
    return super.schedule(work, delay, state);
  };

  /** Number of pending actions. */
  get pending(): number {
    return this.actions.length;
  }

  /** Advances the clock by `ms`, and runs the actions that are due meanwhile. */
  advance(ms: number): void {
    const target = this.frame + ms;
    this.maxFrames = target;
    this.flush();
    this.frame = target;
  }
}

/** Waits for one turn of the event loop, or for `ms` of real time. */
export function turn(ms = 0): Promise<void> {
  return new Promise((resolve) => {
    timers.ours = true;
    asyncScheduler.schedule(() => resolve(), ms);
    timers.ours = false;
  });
}

/** `ours` is true while the check itself starts a timer. */
const timers = { ours: false };

const STARTERS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];

/** Reports the names of global timers that are started without a scheduler; returns a function that stops it. */
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

/** The options of {@link until}. */
export interface Deadline {
  /** Maximum wait in real ms. */
  readonly timeout: number;
  /** Called at each turn, for example to advance virtual time. */
  readonly tick?: (() => void) | undefined;
}

/** Waits until `passes` returns true; resolves to false after a timeout. */
export async function until(passes: () => boolean, { timeout, tick }: Deadline): Promise<boolean> {
  const end = asyncScheduler.now() + timeout;
  for (let round = 0; !passes(); round += 1) {
    if (asyncScheduler.now() > end) return false;
    // asapScheduler needs only a few microtasks; slower events need a turn of the event loop.
    if (round % 8 === 7) await turn();
    else await Promise.resolve();
    tick?.();
  }
  return true;
}
