import { Observable } from 'rxjs';

/** Reports an error that has no handler as RxJS does: to `config.onUnhandledError`, otherwise as an uncaught exception. */
export function reportUnhandled(error: unknown): void {
  new Observable((out) => out.error(error)).subscribe();
}
