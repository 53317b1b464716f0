import type { Subscriber } from 'rxjs';
import { LinkedList } from '../../util/linked-list.ts';
import type { PendingRequest } from './pending-request.ts';

/** The requests with a subscriber that have no reply yet, oldest first. */
export class WaitingRequests<T> {
  readonly #list = new LinkedList<PendingRequest<T>>();

  get first(): PendingRequest<T> | undefined {
    return this.#list.first;
  }

  add(request: PendingRequest<T>): void {
    this.#list.add(request);
  }

  /** Removes and returns the oldest request's subscriber. Undefined if there is none. */
  removeFirst(): Subscriber<T> | undefined {
    return this.first && this.remove(this.first);
  }

  /** Removes a request, if it is in the list, and returns its subscriber. */
  remove(request: PendingRequest<T>): Subscriber<T> | undefined {
    const { out } = request;
    if (!out) return undefined;
    request.out = undefined;
    this.#list.remove(request);
    return out;
  }
}
