import { Observable, type Observer, type Subscriber } from 'rxjs';

/**
 * A subscriber that hands notifications to `observer`, can be asked whether it is closed before its source has returned from
 * `subscribe`, and turns a throw of the observer into `fail`.
 *
 * An operator written with `new Observable` and a plain observer has two holes: a throw inside `next` becomes an uncaught
 * exception while the subscriber below sees `complete`, and a synchronous source is not stopped when the subscriber leaves,
 * since the subscription is only known when `subscribe` has returned. Subscribing with a `Subscriber` that is known from the
 * start closes the second; RxJS makes one for us here, from public names alone.
 */
export function inlet<T>(observer: Observer<T>, fail: (error: unknown) => void): Subscriber<T> {
  let subscriber!: Subscriber<T>;
  new Observable<T>((made) => {
    subscriber = made;
  }).subscribe({
    next(value) {
      try {
        observer.next(value);
      } catch (error) {
        subscriber.unsubscribe();
        fail(error);
      }
    },
    error(reason: unknown) {
      try {
        observer.error(reason);
      } catch (error) {
        fail(error);
      }
    },
    complete() {
      try {
        observer.complete();
      } catch (error) {
        fail(error);
      }
    },
  });
  return subscriber;
}
