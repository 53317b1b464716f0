import type { ObservableInput, Observer, Subscriber } from 'rxjs';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { subscribeTo } from './subscribe-to.ts';

/** Calls a handler for each value, up to `concurrency` at the same time, and emits what the returned Observables emit. */
export class ActiveHandlers<T, R> {
  readonly #out: Subscriber<R>;
  readonly #handle: (value: T) => ObservableInput<R>;
  readonly #concurrency: number;
  readonly #observer: Observer<R>;
  #active = 0;

  /** @param onComplete called when one of the Observables has completed. */
  constructor(out: Subscriber<R>, handle: (value: T) => ObservableInput<R>, concurrency: number, onComplete: () => void) {
    this.#out = out;
    this.#handle = handle;
    this.#concurrency = concurrency;
    this.#observer = {
      next: (value) => out.next(value),
      error: (error) => out.error(error),
      complete: () => {
        this.#active -= 1;
        onComplete();
      },
    };
  }

  /** Whether no Observable is active. */
  get isIdle(): boolean {
    return this.#active === 0;
  }

  /** Whether the next value must wait. */
  get isFull(): boolean {
    return this.#active >= this.#concurrency;
  }

  start(value: T): void {
    this.#active += 1;
    const inner = guardedSubscriber(this.#observer);
    this.#out.add(inner);
    subscribeTo(() => this.#handle(value), inner);
  }
}
