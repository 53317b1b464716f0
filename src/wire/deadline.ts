import { Observable } from 'rxjs';
import type { Dial } from './signal.ts';
import { after } from './timer.ts';

/**
 * Errors with what `late` makes of the milliseconds when the source has not completed within the smaller of `timeout` and what
 * is left of the dial's deadline.
 */
export function within<T>(source: Observable<T>, timeout: number, dial: Dial, late: (ms: number) => unknown): Observable<T> {
  return new Observable((out) => {
    const ms = timeFor(timeout, dial);
    source.subscribe(out);
    // An address, for example, resolves at once: no timer for what is done already.
    if (!out.closed) out.add(after(ms, dial.scheduler, () => out.error(late(ms))));
  });
}

/** The smaller of a timeout and what is left of the dial's deadline, in milliseconds. */
export function timeFor(timeout: number, { deadline, scheduler }: Dial): number {
  return Math.max(0, Math.min(timeout, deadline - scheduler.now()));
}
