import { Observable, type Observer, type Subscriber } from 'rxjs';

/**
 * Creates a `Subscriber` that passes notifications to `observer`. It exists before `subscribe` returns, and can be closed then. A
 * throw of the observer is passed to its `caught`.
 *
 * An operator with `new Observable` and a plain observer has two defects:
 *
 * - A throw inside `next` becomes an uncaught exception, while the subscriber below gets `complete`.
 * - A synchronous source does not stop when the subscriber unsubscribes, because the subscription exists only after `subscribe`
 *   has returned.
 *
 * Subscribing with an existing `Subscriber` avoids the second. RxJS creates it here through its public API alone.
 *
 * @param observer gets its own throws by `caught` if it has that method, otherwise by `error`.
 */
export function guardedSubscriber<T>(observer: GuardedObserver<T>): Subscriber<T> {
  const guard = new SafeObserver(observer);
  CREATOR.subscribe(guard as Observer<unknown>);
  const subscriber = lastCreated as Subscriber<T>;
  lastCreated = undefined;
  guard.subscriber = subscriber;
  return subscriber;
}

/** The subscriber that RxJS last created. One shared Observable creates all of them, because every connection needs several. */
let lastCreated: Subscriber<unknown> | undefined;
const CREATOR = /* @__PURE__ */ new Observable<unknown>((subscriber) => {
  lastCreated = subscriber;
});

/** An observer that may distinguish its own throw from an error of its source. */
export interface GuardedObserver<T> extends Observer<T> {
  caught?(error: unknown): void;
}

class SafeObserver<T> implements Observer<T> {
  subscriber: Subscriber<T> | undefined;
  // No #private field: with `config.useDeprecatedNextContext`, RxJS calls the methods on an object that inherits from this one.
  declare private readonly observer: GuardedObserver<T>;

  constructor(observer: GuardedObserver<T>) {
    this.observer = observer;
  }

  next(value: T): void {
    try {
      this.observer.next(value);
    } catch (error) {
      this.subscriber?.unsubscribe();
      reportThrow(this.observer, error);
    }
  }

  error(reason: unknown): void {
    try {
      this.observer.error(reason);
    } catch (error) {
      reportThrow(this.observer, error);
    }
  }

  complete(): void {
    try {
      this.observer.complete();
    } catch (error) {
      reportThrow(this.observer, error);
    }
  }
}

function reportThrow(observer: GuardedObserver<never>, error: unknown): void {
  if (observer.caught) observer.caught(error);
  else observer.error(error);
}
