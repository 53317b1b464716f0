import { Observable, type Subscriber, type Unsubscribable } from 'rxjs';
import { LinkedList, type Linked } from './linked-list.ts';

/** A subscriber that waits for the value: in the list until it unsubscribes. */
class Waiting<T> implements Linked<Waiting<T>>, Unsubscribable {
  previous: Waiting<T> | undefined;
  next: Waiting<T> | undefined;
  readonly list: LinkedList<Waiting<T>>;
  readonly subscriber: Subscriber<T>;

  constructor(list: LinkedList<Waiting<T>>, subscriber: Subscriber<T>) {
    this.list = list;
    this.subscriber = subscriber;
    list.add(this);
  }

  unsubscribe(): void {
    this.list.remove(this);
  }
}

/**
 * Emits one value and completes. Late subscribers get the value at once.
 *
 * Subscribers leave in constant time. Those of an AsyncSubject leave in O(n).
 */
export class OnceEmitter<T extends object> {
  #value: T | undefined;
  #value$: Observable<T> | undefined;
  /** Created with the first subscriber that waits. */
  #waiting: LinkedList<Waiting<T>> | undefined;

  /** @param value the value, if it is known already. */
  constructor(value?: T) {
    this.#value = value;
  }

  get value$(): Observable<T> {
    return (this.#value$ ??= new Observable((subscriber) => this.#add(subscriber)));
  }

  /** Emits the value. Later calls do nothing. */
  emit(value: T): void {
    if (this.#value) return;
    this.#value = value;
    const subscribers: Subscriber<T>[] = [];
    for (let each = this.#waiting?.first; each; each = each.next) subscribers.push(each.subscriber);
    this.#waiting = undefined;
    // As a Subject does: all get the value before the first is completed.
    for (const subscriber of subscribers) subscriber.next(value);
    for (const subscriber of subscribers) if (!subscriber.closed) subscriber.complete();
  }

  #add(subscriber: Subscriber<T>): void {
    if (this.#value) {
      subscriber.next(this.#value);
      subscriber.complete();
    } else subscriber.add(new Waiting((this.#waiting ??= new LinkedList()), subscriber));
  }
}
