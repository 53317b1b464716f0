import { Observable } from 'rxjs';
import type { Dial } from './signal.ts';
import { after } from '../util/timer.ts';

/**
 * Mirrors the source, and errors if it has not completed in time: after `timeout` ms or at the dial's deadline, whichever comes
 * first.
 *
 * @param timedOut creates the error from the limit in milliseconds.
 */
export function within<T>(source: Observable<T>, timeout: number, dial: Dial, timedOut: (ms: number) => unknown): Observable<T> {
  return new Observable((out) => {
    const ms = remainingTime(timeout, dial);
    source.subscribe(out);
    // A source may complete synchronously (an address resolves at once): then no timer is needed.
    if (!out.closed) out.add(after(ms, dial.scheduler, () => out.error(timedOut(ms))));
  });
}

/** The smaller of a timeout and the time until the dial's deadline, in milliseconds. */
export function remainingTime(timeout: number, { deadline, scheduler }: Dial): number {
  return Math.max(0, Math.min(timeout, deadline - scheduler.now()));
}
