const STARTERS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];

/** True while the check itself starts a timer. */
let isOwnTimer = false;

/** Starts a timer that {@link watchGlobalTimers} does not report. */
export function withoutWatching(start: () => void): void {
  isOwnTimer = true;
  start();
  isOwnTimer = false;
}

/** Reports the names of global timers that are started without a scheduler; returns a function that stops it. */
export function watchGlobalTimers(onStart: (name: string) => void): () => void {
  const globals = globalThis as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  const originals = STARTERS.map((name) => [name, globals[name]] as const);
  for (const [name, start] of originals) {
    if (!start) continue;
    globals[name] = (...args) => {
      if (!isOwnTimer) onStart(name);
      return start(...args);
    };
  }
  return () => {
    for (const [name, start] of originals) globals[name] = start;
  };
}
