import { config } from 'rxjs';

const listeners = new Set<(error: unknown) => void>();
let before: typeof config.onUnhandledError = null;

/** Tells errors that reach nobody, instead of letting RxJS throw them into the process; returns what ends it. */
export function watchEscapes(told: (error: unknown) => void): () => void {
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
