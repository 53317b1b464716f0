import type { Subscriber } from 'rxjs';

const NONE: readonly never[] = [];

/**
 * Holds the subscribers of a hot Observable, in order of arrival. Changes during an emission do not affect it.
 *
 * Adding and removing take constant time: a Subject removes in O(n). The only subscriber of most streams needs no list.
 */
export class Subscribers<T> {
  #first: Subscriber<T> | undefined;
  #others: Set<Subscriber<T>> | undefined;
  /** The members of `#others` as of the last emission; `undefined` after a change. */
  #list: readonly Subscriber<T>[] | undefined;

  get isEmpty(): boolean {
    return !this.#first && !this.#others?.size;
  }

  add(subscriber: Subscriber<T>): void {
    if (this.isEmpty) this.#first = subscriber;
    else {
      (this.#others ??= new Set()).add(subscriber);
      this.#list = undefined;
    }
  }

  remove(subscriber: Subscriber<T>): void {
    if (this.#first === subscriber) this.#first = undefined;
    else if (this.#others?.delete(subscriber)) this.#list = undefined;
  }

  emit(value: T): void {
    const others = this.#listed();
    this.#first?.next(value);
    for (const subscriber of others) subscriber.next(value);
  }

  /** Removes and returns all. */
  removeAll(): readonly Subscriber<T>[] {
    const all = this.#first ? [this.#first, ...this.#listed()] : this.#listed();
    this.#first = undefined;
    this.#others = undefined;
    this.#list = undefined;
    return all;
  }

  #listed(): readonly Subscriber<T>[] {
    return this.#others ? (this.#list ??= [...this.#others]) : NONE;
  }
}
