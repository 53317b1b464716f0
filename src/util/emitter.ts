import { Observable } from 'rxjs';
import { Subscribers } from './subscribers.ts';

/** Emits values and completes, as a Subject does. Subscribers leave in constant time. */
export class Emitter<T> extends Subscribers<T> {
  readonly values$: Observable<T>;
  #isCompleted = false;

  constructor() {
    super();
    this.values$ = new Observable((subscriber) => {
      if (this.#isCompleted) {
        subscriber.complete();
        return;
      }
      this.add(subscriber);
      subscriber.add(() => this.remove(subscriber));
    });
  }

  complete(): void {
    this.#isCompleted = true;
    for (const subscriber of this.removeAll()) subscriber.complete();
  }
}
