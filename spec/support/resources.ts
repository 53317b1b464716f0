import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { readdirSync, readlinkSync } from 'node:fs';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';

/** How long after the end something may still be there, in milliseconds: a second, and a little for a loaded machine. */
const GRACE = 1200;

const TIMERS = new Set(['Timeout', 'Immediate']);

/** What the process holds: kinds of resources that keep the loop alive, and descriptors, each with its number. */
function held(): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  // Timers are watched one by one, since those with `unref` are not listed here.
  for (const kind of process.getActiveResourcesInfo()) if (!TIMERS.has(kind)) add(kind);
  for (const link of descriptors()) add(link);
  return counts;
}

/** Sockets, pipes and files that are open; what the loop itself opens when it needs it (`anon_inode`) is left out. */
function descriptors(): string[] {
  let names: string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return []; // no /proc on this system
  }
  return names.flatMap((name) => {
    try {
      const link = readlinkSync(`/proc/self/fd/${name}`);
      return link.startsWith('anon_inode') ? [] : [`descriptor of ${link}`];
    } catch {
      return []; // the descriptor of the listing itself
    }
  });
}

/** Watches what a piece of work takes from the process: handles, descriptors and timers, those with `unref` too. */
export class Resources {
  readonly #before = held();
  readonly #timers = new Map<number, string>();
  readonly #inside = new AsyncLocalStorage<boolean>();
  readonly #hook = createHook({
    init: (id, kind) => {
      if (TIMERS.has(kind) && this.#inside.getStore()) this.#timers.set(id, kind);
    },
    destroy: (id) => void this.#timers.delete(id),
  });

  /** Runs the work. Timers count when they were started by it, or by anything it started. */
  async run(work: () => unknown): Promise<void> {
    this.#hook.enable();
    await this.#inside.run(true, async () => {
      await work();
    });
  }

  /** Waits until everything is back, for a second at most; returns what is not. */
  async leftovers(): Promise<string[]> {
    const until = performance.now() + GRACE;
    for (let round = 0; ; round += 1) {
      // Outside of the work's context: our own waiting is not what is counted.
      await this.#inside.exit(() => (round < 5 ? turn() : wait(5)));
      const left = this.#left();
      if (left.length === 0 || performance.now() > until) return left;
    }
  }

  /** Stops watching. */
  stop(): void {
    this.#hook.disable();
  }

  #left(): string[] {
    const now = [...held()].flatMap(([name, count]) => {
      const more = count - (this.#before.get(name) ?? 0);
      return more > 0 ? [`${more} × ${name}`] : [];
    });
    return this.#timers.size > 0 ? [...now, `${this.#timers.size} × timer (${[...this.#timers.values()].join(', ')})`] : now;
  }
}
