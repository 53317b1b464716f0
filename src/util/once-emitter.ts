import { Observable, type Unsubscribable } from 'rxjs';
import { LinkedList, type Linked } from './linked-list.ts';

/** Receives the value of a {@link OnceEmitter}: a subscriber, or an object that does not throw. */
export interface OnceTarget<T> {
  readonly closed: boolean;
  next(value: T): void;
  complete(): void;
}

/** A target that waits for the value: in the list until it is unsubscribed. */
class Waiting<T> implements Linked<Waiting<T>>, Unsubscribable {
  previous: Waiting<T> | undefined;
  next: Waiting<T> | undefined;
  readonly list: LinkedList<Waiting<T>>;
  readonly target: OnceTarget<T>;

  constructor(list: LinkedList<Waiting<T>>, target: OnceTarget<T>) {
    this.list = list;
    this.target = target;
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
    return (this.#value$ ??= new Observable((subscriber) => this.add(subscriber)));
  }

  /** Emits the value. Later calls do nothing. */
  emit(value: T): void {
    if (this.#value) return;
    this.#value = value;
    const targets: OnceTarget<T>[] = [];
    for (let each = this.#waiting?.first; each; each = each.next) targets.push(each.target);
    this.#waiting = undefined;
    // As a Subject does: all get the value before the first is completed.
    for (const target of targets) if (!target.closed) target.next(value);
    for (const target of targets) if (!target.closed) target.complete();
  }

  /** Subscribes without an Observable and its Subscriber. Returns what removes the target, unless it has got the value. */
  add(target: OnceTarget<T>): Unsubscribable | undefined {
    if (!this.#value) return new Waiting((this.#waiting ??= new LinkedList()), target);
    target.next(this.#value);
    target.complete();
    return undefined;
  }
}
