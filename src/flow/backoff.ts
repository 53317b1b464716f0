import { Observable, throwError, type ObservableInput, type RetryConfig } from 'rxjs';
import { IOStreamError, type Phase } from '../errors.ts';
import { after } from '../wire/timer.ts';
import { planBackoff, type BackoffOptions } from './backoff-plan.ts';

/** What {@link backoff} gives: the part of a `RetryConfig` that says when. */
export interface Backoff extends RetryConfig {
  /** Emits when it is time to try again; errors with the same error when there were attempts enough. */
  readonly delay: (error: unknown, retryCount: number) => ObservableInput<unknown>;
}

/** In these there was no connection yet. */
const NEVER_GOOD: readonly Phase[] = ['resolve', 'connect', 'handshake'];

/**
 * Says when to try again, for RxJS's own `retry`: after a wait that grows with each failure and is a little different each time.
 *
 * ```text
 *   attempt 1 ─✗─ 100 ms ─ attempt 2 ─✗─ 200 ms ─ attempt 3 ─✗─ 400 ms ─ … ─ attempt n ─✗──▶ the last error
 *                                      └──── good for resetAfter ─✗─ 100 ms ─ …
 * ```
 *
 * The wait after failure n is `initial * factor ** (n - 1)`, at most `max`, less a random part of up to `jitter` of it. When
 * `attempts` have failed in a row, the last error comes through. Add what else `retry` knows by hand: `retry({ ...backoff(), count: 3 })`.
 *
 * With `resetAfter`, an attempt that lasted so long before it failed starts the count again. The time it took to connect is part
 * of that, but one that never was connected (an `IOStreamError` of the phases resolve, connect or handshake) is never good.
 * `retry` does not say whose error it passes on, so the time is remembered here: for a source that is subscribed several times at
 * once make one backoff for each subscription, `defer(() => source$.pipe(retry(backoff({ resetAfter }))))`. Without `resetAfter`
 * nothing is remembered, and one serves any number.
 *
 * Deterministic on a `TestScheduler` with `random` given, or `jitter: 0`. Unsubscribing stops the wait.
 *
 * ```ts
 * import { backoff, connect } from 'rxjs-io-stream';
 * import { retry, switchMap } from 'rxjs';
 *
 * connect({ host: '127.0.0.1', port: 7 })
 *   .pipe(switchMap((io) => io.data$), retry(backoff({ initial: 100, max: 10_000, attempts: 10, resetAfter: 60_000 })))
 *   .subscribe({ next: (bytes) => console.log(bytes.toString()), error: console.error });
 * ```
 *
 * @throws TypeError for a wrong option.
 */
export function backoff(options: BackoffOptions = {}): Backoff {
  const { delay, resetAfter, scheduler } = planBackoff(options, { resetAfter: Infinity });
  /** When the present attempt began, and how many failures before it do not count any more. */
  let startedAt = 0;
  let forgiven = 0;
  return {
    delay: (error, retryCount) => {
      if (resetAfter !== Infinity) {
        if (retryCount <= forgiven) forgiven = 0; // another subscription, or `resetOnSuccess`
        if (wasConnected(error) && scheduler.now() - startedAt >= resetAfter) forgiven = retryCount - 1;
      }
      const wait = delay(retryCount - forgiven);
      if (wait === undefined) return throwError(() => error);
      return new Observable<void>((out) =>
        after(wait, scheduler, () => {
          startedAt = scheduler.now();
          out.next();
        }),
      );
    },
  };
}

function wasConnected(error: unknown): boolean {
  return !(error instanceof IOStreamError && NEVER_GOOD.includes(error.phase));
}
