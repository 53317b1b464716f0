import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { readdirSync, readlinkSync } from 'node:fs';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';

/**
 * Number of checks, 5 ms apart, until all resources must be freed: a second, and some more. Counted, not read from the clock: after a
 * pause of the machine, pending events are handled before the last check.
 */
const CHECKS = 200;

const TIMERS = new Set(['Timeout', 'Immediate']);

/** Counts the resources of the process by kind: those that keep the event loop alive, and open descriptors. */
function countResources(): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  // Timers are watched one by one, because those with `unref` are not listed here.
  for (const kind of process.getActiveResourcesInfo()) if (!TIMERS.has(kind)) add(kind);
  for (const link of descriptors()) add(link);
  return counts;
}

/** The open sockets, pipes and files. Omits the descriptors of the event loop itself (`anon_inode`). */
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

/** Watches the resources that a function uses: handles, descriptors and timers, also those with `unref`. */
export class Resources {
  readonly #before = countResources();
  readonly #timers = new Map<number, string>();
  readonly #inside = new AsyncLocalStorage<boolean>();
  readonly #hook = createHook({
    init: (id, kind) => {
      if (TIMERS.has(kind) && this.#inside.getStore()) this.#timers.set(id, kind);
    },
    destroy: (id) => void this.#timers.delete(id),
  });

  /** Runs the function. Counts the timers that it starts, directly or indirectly. */
  async run(work: () => unknown): Promise<void> {
    this.#hook.enable();
    await this.#inside.run(true, async () => {
      await work();
    });
  }

  /** Waits until all resources are freed, about a second at most; returns those that are not. */
  async leftovers(): Promise<string[]> {
    for (let round = 0; ; round += 1) {
      // Outside of the watched context: these timers do not count.
      await this.#inside.exit(() => (round < 5 ? turn() : wait(5)));
      const leftovers = this.#leftovers();
      if (leftovers.length === 0 || round === CHECKS) return leftovers;
    }
  }

  /** Stops watching. */
  stop(): void {
    this.#hook.disable();
  }

  #leftovers(): string[] {
    const now = [...countResources()].flatMap(([name, count]) => {
      const more = count - (this.#before.get(name) ?? 0);
      return more > 0 ? [`${more} × ${name}`] : [];
    });
    return this.#timers.size > 0 ? [...now, `${this.#timers.size} × timer (${[...this.#timers.values()].join(', ')})`] : now;
  }
}
