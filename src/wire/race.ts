import { Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { after } from '../util/timer.ts';

/** Delay between the starts of two attempts, in milliseconds (RFC 8305, section 8). */
export const ATTEMPT_DELAY = 250;

/** A candidate whose attempt failed, and its error. */
export interface FailedAttempt<C> {
  readonly candidate: C;
  readonly error: unknown;
}

/**
 * Tries candidates as in RFC 8305: the next one starts after 250 ms, or at once when one fails. The first success wins, and the
 * others are unsubscribed. Until then, started attempts continue.
 *
 * ```text
 *   a ──────────────────────▶ connects late, and wins
 *       250 ms  b ──────▶ refused
 *                       c ─────────── still trying: unsubscribed when a wins
 * ```
 *
 * @param allFailed creates the error from all attempts when all have failed.
 */
export function race<C, T>(
  candidates: readonly C[],
  attempt: (candidate: C) => Observable<T>,
  scheduler: SchedulerLike,
  allFailed: (attempts: readonly FailedAttempt<C>[]) => unknown,
): Observable<T> {
  return new Observable((winner) => {
    const failures: FailedAttempt<C>[] = [];
    let next = 0;
    let timer: Subscription | undefined;
    let due = 0;
    /** A loop, because attempts that fail at once, such as blocked ones, would otherwise nest a call for each candidate. */
    const start = (): void => {
      due += 1;
      if (due > 1) return;
      for (; due > 0; due -= 1) startNext();
    };
    const startNext = (): void => {
      timer?.unsubscribe();
      if (failures.length === candidates.length) winner.error(allFailed(failures));
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
