import { Observable, type Subscription } from 'rxjs';
import { isRealTime } from '../util/real-time.ts';
import { after } from '../util/timer.ts';
import type { ErrorPolicy } from './error-policy.ts';
import type { Lifetime } from './lifetime.ts';
import type { ClosedReport } from './report.ts';
import type { StreamSettings } from './settings.ts';

/**
 * The `closed$` of the user. A subscriber handles the stream's error, and keeps the process alive during the close: a closing wire
 * alone does not wait for the peer's FIN.
 */
export class AwaitedClose {
  readonly closed$: Observable<ClosedReport>;
  readonly #lifetime: Lifetime;
  readonly #settings: StreamSettings;
  #waiters = 0;
  #keepAlive: Subscription | undefined;

  constructor(lifetime: Lifetime, settings: StreamSettings, errors: ErrorPolicy) {
    this.#lifetime = lifetime;
    this.#settings = settings;
    this.closed$ = new Observable((out) => {
      this.#waiters += 1;
      if (lifetime.report) errors.markHandled();
      this.keepAlive();
      out.add(() => {
        this.#waiters -= 1;
        if (this.#waiters === 0) this.#keepAlive?.unsubscribe();
      });
      out.add(lifetime.closed$.subscribe(out));
    });
  }

  /** Whether a subscriber waits for the close. */
  get isAwaited(): boolean {
    return this.#waiters > 0;
  }

  /** Keeps the process alive while the stream is closing and a subscriber waits. */
  keepAlive(): void {
    const { scheduler, timeouts } = this.#settings;
    if (this.#lifetime.state !== 'closing' || !this.isAwaited || !isRealTime(scheduler)) return;
    this.#keepAlive?.unsubscribe();
    this.#keepAlive = after(timeouts.close, scheduler, () => this.keepAlive());
  }

  /** Lets the process exit: the stream is closed. */
  release(): void {
    this.#keepAlive?.unsubscribe();
  }
}
