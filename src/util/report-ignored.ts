import { asyncScheduler, config } from 'rxjs';
import { atTickEnd } from './at-tick-end.ts';

/**
 * Reports an error that must not affect a connection, such as that of a log: to `config.onUnhandledError` of RxJS. If that is not set,
 * the error is ignored. Runs in a separate tick, so that an error of the handler does not affect the connection either.
 */
export function reportIgnored(error: unknown): void {
  atTickEnd(asyncScheduler, () => config.onUnhandledError?.(error));
}
