import { tap, type MonoTypeOperatorFunction } from 'rxjs';
import type { DialProbe } from './dial-probe.ts';

/** Reports the start and the outcome of an attempt to connect to one address, or to a path. */
export function probedAttempt<T>(probe: DialProbe, address: string, port?: number): MonoTypeOperatorFunction<T> {
  return tap<T>({
    subscribe: () => probe.attempt(address, port, 'start'),
    next: () => probe.attempt(address, port, 'connected'),
    error: (error: unknown) => probe.attempt(address, port, 'failed', error),
  });
}
