import type { Observable, Subscriber } from 'rxjs';
import { abortError } from './abort.ts';
import type { DrainOptions } from './drain.ts';

/** What `signal` of a listener stops. */
interface Drainable {
  drain(options: DrainOptions): Observable<unknown>;
}

/** Drains the server of a listener when the signal aborts, then completes `out`. Before there is a server, errors with an `AbortError`. */
export function drainOnAbort(signal: AbortSignal, out: Subscriber<unknown>, server: () => Drainable | undefined): void {
  const onAbort = (): void => {
    const draining = server()?.drain({ deadline: Infinity });
    if (draining) out.add(draining.subscribe({ complete: () => out.complete() }));
    else out.error(abortError(signal));
  };
  signal.addEventListener('abort', onAbort);
  out.add(() => signal.removeEventListener('abort', onAbort));
}
