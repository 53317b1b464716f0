import { Observable, type Observer, type Subscriber } from 'rxjs';

/**
 * A subscriber that hands notifications to `observer`, can be asked whether it is closed before its source has returned from
 * `subscribe`, and turns a throw of the observer into `fail`.
 *
 * An operator written with `new Observable` and a plain observer has two holes: a throw inside `next` becomes an uncaught
 * exception while the subscriber below sees `complete`, and a synchronous source is not stopped when the subscriber leaves,
 * since the subscription is only known when `subscribe` has returned. Subscribing with a `Subscriber` that is known from the
 * start closes the second; RxJS makes one for us here, from public names alone.
 *
 * @param observer is told of its own throws by `fail`, if it has that, else by `error`.
 */
export function inlet<T>(observer: Guarded<T>): Subscriber<T> {
  const guard = new Guard(observer);
  MAKER.subscribe(guard as Observer<unknown>);
  const subscriber = made as Subscriber<T>;
  made = undefined;
  guard.subscriber = subscriber;
  return subscriber;
}

/** Shows the subscriber that RxJS makes of an observer. One for all: every connection has several inlets. */
let made: Subscriber<unknown> | undefined;
const MAKER = new Observable<unknown>((subscriber) => {
  made = subscriber;
});

/** An observer that may tell a throw of its own from an error of its source. */
export interface Guarded<T> extends Observer<T> {
  fail?(error: unknown): void;
}

class Guard<T> implements Observer<T> {
  subscriber: Subscriber<T> | undefined;
  // No private field: with `config.useDeprecatedNextContext` RxJS calls the methods on an object that inherits from this one.
  private readonly observer: Guarded<T>;

  constructor(observer: Guarded<T>) {
    this.observer = observer;
  }

  next(value: T): void {
    try {
      this.observer.next(value);
    } catch (error) {
      this.subscriber?.unsubscribe();
      this.failWith(error);
    }
  }

  error(reason: unknown): void {
    try {
      this.observer.error(reason);
    } catch (error) {
      this.failWith(error);
    }
  }

  complete(): void {
    try {
      this.observer.complete();
    } catch (error) {
      this.failWith(error);
    }
  }

  private failWith(error: unknown): void {
    if (this.observer.fail) this.observer.fail(error);
    else this.observer.error(error);
  }
}
