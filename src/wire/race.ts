import { Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { after } from './timer.ts';

/** RFC 8305 section 8: the next attempt starts so many milliseconds after the last one. */
export const ATTEMPT_DELAY = 250;

/** A way that was tried and did not work. */
export interface FailedAttempt<C> {
  readonly candidate: C;
  readonly error: unknown;
}

/**
 * Tries candidates as RFC 8305 says: one after another, the next after 250 ms or at once when one fails. The first that works
 * wins and the others are unsubscribed; no attempt is given up while it could still win. When all have failed it errors with
 * what `failed` makes of the attempts.
 *
 * ```text
 *   a ──────────────────────▶ works late, and wins
 *       250 ms  b ──────▶ refused
 *                       c ─────────── still trying: unsubscribed when a wins
 * ```
 */
export function race<C, T>(
  candidates: readonly C[],
  attempt: (candidate: C) => Observable<T>,
  scheduler: SchedulerLike,
  failed: (attempts: readonly FailedAttempt<C>[]) => unknown,
): Observable<T> {
  return new Observable((winner) => {
    const failures: FailedAttempt<C>[] = [];
    let next = 0;
    let timer: Subscription | undefined;
    const start = (): void => {
      timer?.unsubscribe();
      if (failures.length === candidates.length) winner.error(failed(failures));
      if (next === candidates.length || winner.closed) return;
      const candidate = candidates[next] as C;
      next += 1;
      if (next < candidates.length) winner.add((timer = after(ATTEMPT_DELAY, scheduler, start)));
      const running = attempt(candidate).subscribe({
        next: (value) => {
          winner.next(value);
          winner.complete();
        },
        error: (error: unknown) => {
          failures.push({ candidate, error });
          start();
        },
      });
      winner.add(running);
    };
    start();
  });
}
