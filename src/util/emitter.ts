import { Observable } from 'rxjs';
import { Subscribers } from './subscribers.ts';

/** Emits values and completes, as a Subject does. Subscribers leave in constant time. */
export class Emitter<T> {
  readonly values$: Observable<T>;
  readonly #subscribers = new Subscribers<T>();
  #isCompleted = false;

  constructor() {
    const subscribers = this.#subscribers;
    this.values$ = new Observable((subscriber) => {
      if (this.#isCompleted) {
        subscriber.complete();
        return;
      }
      subscribers.add(subscriber);
      subscriber.add(() => subscribers.remove(subscriber));
    });
  }

  get isObserved(): boolean {
    return !this.#subscribers.isEmpty;
  }

  emit(value: T): void {
    this.#subscribers.emit(value);
  }

  complete(): void {
    this.#isCompleted = true;
    for (const subscriber of this.#subscribers.removeAll()) subscriber.complete();
  }
}
