import type { SchedulerLike, Subscription } from 'rxjs';
import { after } from '../../util/timer.ts';
import type { PendingRequest } from './pending-request.ts';
import type { WaitingRequests } from './waiting-requests.ts';

/**
 * Times out requests with one timer, for the oldest one: all have the same timeout. A reply does not stop the timer. Otherwise
 * sequential requests would each need a new timer. Therefore the timer does not keep the process alive.
 */
export class ReplyTimer<T> {
  readonly #requests: WaitingRequests<T>;
  readonly #timeout: number;
  readonly #scheduler: SchedulerLike;
  readonly #onTimeout: (request: PendingRequest<T>) => void;
  #timer: Subscription | undefined;

  /**
   * @param timeout in milliseconds. Infinity turns it off.
   * @param onTimeout called with each request that is due. Must remove it from `requests`.
   */
  constructor(requests: WaitingRequests<T>, timeout: number, scheduler: SchedulerLike, onTimeout: (request: PendingRequest<T>) => void) {
    this.#requests = requests;
    this.#timeout = timeout;
    this.#scheduler = scheduler;
    this.#onTimeout = onTimeout;
  }

  /** Time when a request that starts now times out. */
  get due(): number {
    return this.#timeout === Infinity ? Infinity : this.#scheduler.now() + this.#timeout;
  }

  /** Starts the timer for the oldest request, unless it is running. */
  start(): void {
    const { first } = this.#requests;
    if (this.#timer || !first || first.due === Infinity) return;
    this.#timer = after(first.due - this.#scheduler.now(), this.#scheduler, () => this.#onDue(this.#scheduler.now()), { unref: true });
  }

  stop(): void {
    this.#timer?.unsubscribe();
  }

  #onDue(now: number): void {
    for (let { first } = this.#requests; first && first.due <= now; first = this.#requests.first) this.#onTimeout(first);
    this.#timer = undefined;
    this.start();
  }
}
