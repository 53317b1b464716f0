import type { Subscriber, Unsubscribable } from 'rxjs';
import type { QueuedWrite } from './message-writer.ts';

/** A request without a reply. */
export class PendingRequest<T> implements Unsubscribable {
  readonly id: unknown;
  /** Time when the request times out. */
  readonly due: number;
  /** The subscriber to the reply. Undefined after the reply, or after the request was abandoned. */
  out: Subscriber<T> | undefined;
  /** The queued message, with a persistent stream. */
  write: QueuedWrite | undefined;
  /** Neighbours in {@link WaitingRequests}. */
  previous: PendingRequest<T> | undefined;
  next: PendingRequest<T> | undefined;
  readonly #giveUp: (request: PendingRequest<T>) => void;

  constructor(id: unknown, out: Subscriber<T>, due: number, giveUp: (request: PendingRequest<T>) => void) {
    this.id = id;
    this.due = due;
    this.out = out;
    this.#giveUp = giveUp;
  }

  /** Called when the subscriber unsubscribes. */
  unsubscribe(): void {
    if (this.out) this.#giveUp(this);
  }
}

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
