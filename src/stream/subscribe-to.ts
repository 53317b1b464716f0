import { from, type ObservableInput, type Subscriber } from 'rxjs';

/** Subscribes to what `make` returns, as `defer` does, without its Observable. A throw of `make` is an error. */
export function subscribeTo<T>(make: () => ObservableInput<T>, subscriber: Subscriber<T>): void {
  let source;
  try {
    source = from(make());
  } catch (error) {
    subscriber.error(error);
    return;
  }
  source.subscribe(subscriber);
}
