import type { Subscriber } from 'rxjs';
import type { PendingRequest } from './pending-request.ts';

/**
 * The requests with a subscriber that have no reply yet, oldest first. A linked list, because any entry may be removed. In a `Map`
 * or `Set`, finding the oldest entry would skip all removed ones each time.
 */
export class WaitingRequests<T> {
  first: PendingRequest<T> | undefined;
  #last: PendingRequest<T> | undefined;

  add(request: PendingRequest<T>): void {
    request.previous = this.#last;
    if (this.#last) this.#last.next = request;
    else this.first = request;
    this.#last = request;
  }

  /** Removes and returns the oldest request's subscriber. Undefined if there is none. */
  removeFirst(): Subscriber<T> | undefined {
    return this.first && this.remove(this.first);
  }

  /**
   * Removes a request, if it is in the list, and returns its subscriber. Clears its fields, so that an old request does not keep
   * newer ones in memory.
   */
  remove(request: PendingRequest<T>): Subscriber<T> | undefined {
    const { out, previous, next } = request;
    if (!out) return undefined;
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
    request.out = request.previous = request.next = undefined;
    return out;
  }
}
