import { config } from 'rxjs';

const listeners = new Set<(error: unknown) => void>();
let original: typeof config.onUnhandledError = null;

/** Reports unhandled errors, which RxJS would otherwise throw as uncaught; returns a function that stops it. */
export function watchUnhandledErrors(listener: (error: unknown) => void): () => void {
  if (listeners.size === 0) {
    original = config.onUnhandledError;
    config.onUnhandledError = (error: unknown) => {
      for (const each of listeners) each(error);
    };
  }
  listeners.add(listener);
  return () => {
    if (listeners.delete(listener) && listeners.size === 0) config.onUnhandledError = original;
  };
}
