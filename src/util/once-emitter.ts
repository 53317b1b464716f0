import { Observable, type Unsubscribable } from 'rxjs';

/** Receives the value of a {@link OnceEmitter}: a subscriber, or an object that does not throw. */
export interface OnceTarget<T> {
  readonly closed: boolean;
  next(value: T): void;
  complete(): void;
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
  #waiting: Set<OnceTarget<T>> | undefined;

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
    const targets = [...(this.#waiting ?? [])];
    this.#waiting = undefined;
    // As a Subject does: all get the value before the first is completed.
    for (const target of targets) if (!target.closed) target.next(value);
    for (const target of targets) if (!target.closed) target.complete();
  }

  /** Subscribes without an Observable and its Subscriber. Returns what removes the target, unless it has got the value. */
  add(target: OnceTarget<T>): Unsubscribable | undefined {
    if (!this.#value) {
      const waiting = (this.#waiting ??= new Set()).add(target);
      return { unsubscribe: () => void waiting.delete(target) };
    }
    target.next(this.#value);
    target.complete();
    return undefined;
  }
}
