import type { Observable, Subscriber } from 'rxjs';

/** Subscribers that pass errors on, each with a function that returns whether an error would be handled. */
const relays = new WeakMap<Subscriber<never>, () => boolean>();

/**
 * Subscribes on behalf of other subscribers. An error counts as handled by `out` only while `isErrorHandled` returns true. With
 * operators between the messages and `out`, an error always counts as handled.
 */
export function subscribeOnBehalf<T>(messages$: Observable<T>, out: Subscriber<T>, isErrorHandled: () => boolean): void {
  relays.set(out, isErrorHandled);
  messages$.subscribe(out);
}

/** Whether an error that this subscriber gets would be handled. */
export function handlesError(subscriber: Subscriber<never>): boolean {
  return relays.get(subscriber)?.() !== false;
}
