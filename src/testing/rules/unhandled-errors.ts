import { config } from 'rxjs';

const listeners = new Set<(error: unknown) => void>();
let before: typeof config.onUnhandledError = null;

/** Reports unhandled errors, which RxJS would otherwise throw as uncaught; returns a function that stops it. */
export function watchUnhandled(told: (error: unknown) => void): () => void {
  if (listeners.size === 0) {
    before = config.onUnhandledError;
    config.onUnhandledError = (error: unknown) => {
      for (const listener of listeners) listener(error);
    };
  }
  listeners.add(told);
  return () => {
    if (listeners.delete(told) && listeners.size === 0) config.onUnhandledError = before;
  };
}
