import type { Subscriber, Unsubscribable } from 'rxjs';
import type { Linked } from '../../util/linked-list.ts';
import type { QueuedWrite } from '../framed/message-output.ts';

/** A request without a reply. */
export class PendingRequest<T> implements Linked<PendingRequest<T>>, Unsubscribable {
  readonly id: unknown;
  /** Time when the request times out. */
  readonly due: number;
  /** The subscriber to the reply. Undefined after the reply, or after the request was abandoned. */
  out: Subscriber<T> | undefined;
  /** The queued message, with a persistent stream. */
  write: QueuedWrite | undefined;
  /** Neighbours in the list of waiting requests. */
  previous: PendingRequest<T> | undefined;
  next: PendingRequest<T> | undefined;
  readonly #abandon: (request: PendingRequest<T>) => void;

  constructor(id: unknown, out: Subscriber<T>, due: number, abandon: (request: PendingRequest<T>) => void) {
    this.id = id;
    this.due = due;
    this.out = out;
    this.#abandon = abandon;
  }

  /** Called when the subscriber unsubscribes. */
  unsubscribe(): void {
    if (this.out) this.#abandon(this);
  }
}
