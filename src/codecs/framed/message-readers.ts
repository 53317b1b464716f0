import type { Subscriber } from 'rxjs';
import { endReader, type ReadEnd } from '../../stream/read-end.ts';
import { handlesError } from './subscribe-on-behalf.ts';

const NO_SUBSCRIBERS: readonly never[] = /* @__PURE__ */ Object.freeze([]);

/** The part of a `MessageConsumer` that does not depend on its results. */
export interface Consumer<T> {
  readonly isBusy: boolean;
  readonly isHandling: boolean;
  next(message: T): void;
  end(end: ReadEnd): void;
}

/** The current readers of the messages: the subscribers of `messages$`, and one `consume`. */
export class MessageReaders<T> {
  consumer: Consumer<T> | undefined;
  /** Never changed in place. A Subject's `next` would cost more than all other steps. */
  #subscribers: readonly Subscriber<T>[] = NO_SUBSCRIBERS;

  /** Adds a subscriber until it unsubscribes. */
  add(out: Subscriber<T>): void {
    this.#subscribers = [...this.#subscribers, out];
    out.add(() => (this.#subscribers = this.#subscribers.filter((each) => each !== out)));
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.length > 0;
  }

  get isEmpty(): boolean {
    return this.consumer === undefined && this.#subscribers.length === 0;
  }

  /** Whether the next message may be emitted now. */
  get isReady(): boolean {
    return this.consumer ? !this.consumer.isBusy : this.hasSubscribers;
  }

  get isErrorHandled(): boolean {
    return this.consumer !== undefined || this.#subscribers.some(handlesError);
  }

  next(message: T): void {
    for (const subscriber of this.#subscribers) subscriber.next(message);
    this.consumer?.next(message);
  }

  end(end: ReadEnd): void {
    this.consumer?.end(end);
    for (const subscriber of this.#subscribers) endReader(subscriber, end);
  }
}
