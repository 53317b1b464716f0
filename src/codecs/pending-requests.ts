import type { Subscriber, Unsubscribable } from 'rxjs';
import type { QueuedWrite } from './message-writer.ts';

/** A request without a reply. */
export class PendingRequest<T> implements Unsubscribable {
  readonly id: unknown;
  /** When its time is over. */
  readonly due: number;
  /** Who waits for the reply; undefined once it has come, or the request was given up. */
  out: Subscriber<T> | undefined;
  /** Of a persistent stream: where its message is. */
  write: QueuedWrite | undefined;
  /** Neighbours among those that wait. */
  previous: PendingRequest<T> | undefined;
  next: PendingRequest<T> | undefined;
  readonly #giveUp: (request: PendingRequest<T>) => void;

  constructor(id: unknown, out: Subscriber<T>, due: number, giveUp: (request: PendingRequest<T>) => void) {
    this.id = id;
    this.due = due;
    this.out = out;
    this.#giveUp = giveUp;
  }

  /** Its subscriber has left. */
  unsubscribe(): void {
    if (this.out) this.#giveUp(this);
  }
}

/**
 * The requests that wait, oldest first. A linked list, since any of them may leave: a `Map` or `Set` would be searched from its
 * start, past all that have left, each time that the oldest one times out.
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
   * Removes it, if it is there, and returns its subscriber. The fields are emptied: what has left and is old must not keep what is
   * new in memory.
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
