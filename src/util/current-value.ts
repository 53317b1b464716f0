import type { Observable } from 'rxjs';

/**
 * Subscribes, and returns the last value that the source emits at once: the current one of a `BehaviorSubject` or `shareReplay(1)`.
 *
 * @returns undefined if it emits nothing at once.
 * @throws the error of the source, if it errors at once.
 */
export function currentValue<T>(source$: Observable<T>): T | undefined {
  const seen: { value?: T; failure?: { readonly error: unknown } } = {};
  source$
    .subscribe({
      next: (value) => (seen.value = value),
      error: (error: unknown) => (seen.failure = { error }),
    })
    .unsubscribe();
  if (seen.failure) throw seen.failure.error;
  return seen.value;
}
