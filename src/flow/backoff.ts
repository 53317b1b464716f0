import { EMPTY, Observable, throwError, type ObservableInput, type RetryConfig } from 'rxjs';
import { IOStreamError, type Phase } from '../errors.ts';
import { ownOptions } from '../wire/own-options.ts';
import { after } from '../wire/timer.ts';
import { BACKOFF_NAMES, planBackoff, type BackoffOptions } from './backoff-plan.ts';

/** What {@link backoff} returns: the `delay` of a `RetryConfig`, which is also that of a `RepeatConfig`. */
export interface Backoff extends RetryConfig {
  /**
   * Emits when it is time for the next attempt. Without one, it errors with the same error (`retry`) or completes (`repeat`).
   * `retry` calls it with the error and the count of failures, `repeat` with the count of attempts alone.
   */
  readonly delay: (errorOrCount: unknown, retryCount?: number) => ObservableInput<unknown>;
}

/** Phases of an attempt that was not connected yet. */
const PRE_CONNECT_PHASES: readonly Phase[] = ['resolve', 'connect', 'handshake'];

/**
 * Makes the `delay` of RxJS's own `retry`: waits that grow with each failure and differ a little from client to client.
 *
 * ```text
 *   attempt 1 ─✗─ 100 ms ─ attempt 2 ─✗─ 200 ms ─ attempt 3 ─✗─ 400 ms ─ … ─ attempt n ─✗──▶ the last error
 *                                      └── lasted for resetAfter ─✗─ 100 ms ─ …
 * ```
 *
 * The wait after failure n is `initial * factor ** (n - 1)`, at most `max`, less a random fraction of up to `jitter`. Add the
 * other fields of a `RetryConfig` by hand: `retry({ ...backoff(), count: 3 })`.
 *
 * - **When does it stop?** After `attempts` failures in a row; at a TypeError (wrong arguments) and an AbortError (a `signal`),
 *   which no attempt mends; and where `retryIf` returns false. The error is then passed on.
 * - **What about a peer that ends the connection?** That completes the source, so `retry` does not see it. Add
 *   `repeat(backoff())` before the `retry`: the waits are the same, and after `attempts` it completes.
 * - **When does the count start again?** With `resetAfter`, after an attempt that lasted for so many milliseconds. The time it
 *   took to connect is part of that. An attempt that never was connected (an `IOStreamError` of the phases resolve, connect or
 *   handshake) never resets the count. The times are remembered here: for a source that is subscribed several times at once, make
 *   one backoff for each subscription, `defer(() => source$.pipe(retry(backoff({ resetAfter }))))`. Without `resetAfter`
 *   nothing is remembered, and one backoff serves any number of subscriptions.
 *
 * Deterministic on a `TestScheduler` with `random` given, or `jitter: 0`. Unsubscribing stops the wait.
 *
 * ```ts
 * import { backoff, connect, IOStreamError } from 'rxjs-io-stream';
 * import { repeat, retry, switchMap } from 'rxjs';
 *
 * const retryIf = (error: unknown) => !(error instanceof IOStreamError && error.code === 'ETLSCERT');
 * connect({ host: '127.0.0.1', port: 7 })
 *   .pipe(
 *     switchMap((io) => io.data$),
 *     repeat(backoff({ initial: 1000 })),
 *     retry(backoff({ initial: 100, max: 10_000, attempts: 10, resetAfter: 60_000, retryIf })),
 *   )
 *   .subscribe({ next: (bytes) => console.log(bytes.toString()), error: console.error });
 * ```
 *
 * @throws TypeError for a wrong option.
 * @see {@link persistent}, which keeps what is written between two connections.
 */
export function backoff(options: BackoffOptions = {}): Backoff {
  const { delay, mayRetry, resetAfter, scheduler } = planBackoff(ownOptions(options, 'backoff', BACKOFF_NAMES), { resetAfter: Infinity });
  /** When the present attempt began, and how many failures before it no longer count. */
  let startedAt = 0;
  let forgiven = 0;
  return {
    delay: (errorOrCount, retryCount) => {
      const hasFailed = retryCount !== undefined;
      const attempt = retryCount ?? (errorOrCount as number);
      if (resetAfter !== Infinity) {
        if (attempt <= forgiven) forgiven = 0; // another subscription, or `resetOnSuccess`
        if (wasConnected(errorOrCount) && scheduler.now() - startedAt >= resetAfter) forgiven = attempt - 1;
      }
      const failures = attempt - forgiven;
      const wait = !hasFailed || mayRetry(errorOrCount, { attempt, failures }) ? delay(failures) : undefined;
      if (wait === undefined) return hasFailed ? throwError(() => errorOrCount) : EMPTY;
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
  return !(error instanceof IOStreamError && PRE_CONNECT_PHASES.includes(error.phase));
}
