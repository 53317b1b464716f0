import { EMPTY, Observable, throwError, type ObservableInput, type RetryConfig } from 'rxjs';
import { IOStreamError, type Phase } from '../errors.ts';
import { ownOptions } from '../util/own-options.ts';
import { after } from '../util/timer.ts';
import { BACKOFF_NAMES, type BackoffOptions } from './backoff-options.ts';
import { planBackoff } from './backoff-plan.ts';

/** A `RetryConfig` with its `delay` set. The same function is valid as the `delay` of a `RepeatConfig`. */
export interface Backoff extends RetryConfig {
  /**
   * Returns an Observable that emits when the next attempt is due. If no attempt remains, it errors with the same error (`retry`)
   * or completes (`repeat`). `retry` calls it with the error and the number of failures, `repeat` with the number of attempts only.
   */
  readonly delay: (errorOrCount: unknown, retryCount?: number) => ObservableInput<unknown>;
}

/** The phases of an attempt before it is connected. */
const PRE_CONNECT_PHASES: readonly Phase[] = ['resolve', 'connect', 'handshake'];

/**
 * Returns a config for RxJS's `retry` and `repeat` whose delays grow exponentially, with random jitter.
 *
 * ```text
 *   attempt 1 ─✗─ 100 ms ─ attempt 2 ─✗─ 200 ms ─ attempt 3 ─✗─ 400 ms ─ … ─ attempt n ─✗──▶ the last error
 *                                      └── lasted for resetAfter ─✗─ 100 ms ─ …
 * ```
 *
 * The delay after failure n is `initial * factor ** (n - 1)`, at most `max`, less a random fraction of up to `jitter`; in whole
 * milliseconds.
 *
 * **Errors**
 * - Passes the error on after `attempts` failures in a row, or when `retryIf` returns false.
 * - A TypeError (wrong arguments) and an AbortError (a `signal`) are always passed on.
 *
 * **Closing**
 * - A peer that ends the connection completes the source, so `retry` does not see it. Add `repeat(backoff())` before the `retry`.
 * - Unsubscribing cancels the delay.
 *
 * **Memory**
 * - Without `resetAfter`, a backoff has no state and may be shared by any number of subscriptions.
 * - With `resetAfter`, it stores the times of the attempts: make one backoff for each concurrent subscription.
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
 * @param options the delays in milliseconds, and when to stop. Default: from 100 ms to 30 s, without a limit of attempts.
 * @returns a config to pass to `retry` or `repeat`.
 * @throws TypeError for a wrong option.
 * @see docs/guides/reconnecting.md for `resetAfter` and tests, {@link persistent}, which also queues writes between connections.
 */
export function backoff(options: BackoffOptions = {}): Backoff {
  const { attempts, delay, shouldRetry, resetAfter, scheduler } = planBackoff(ownOptions(options, 'backoff', BACKOFF_NAMES), {
    resetAfter: Infinity,
  });
  /** When the current attempt started, and how many earlier failures no longer count. */
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
      const shouldGoOn = (!hasFailed || shouldRetry(errorOrCount, { attempt, failures })) && failures < attempts;
      if (!shouldGoOn) return hasFailed ? throwError(() => errorOrCount) : EMPTY;
      const wait = delay(failures);
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
