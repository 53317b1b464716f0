import { isObservable, type Observable } from 'rxjs';
import { currentValue } from '../util/current-value.ts';
import { describeValue } from '../util/describe.ts';
import type { Guard } from '../wire/guard.ts';

/** Returns the guard, or one that calls the current guard of an Observable. It blocks while there is none. */
export function guardOf(guard: Guard | Observable<Guard> | undefined): Guard | undefined {
  if (!isObservable(guard)) return guard;
  return (candidate) => {
    const current: unknown = currentValue(guard);
    if (typeof current === 'function') return (current as Guard)(candidate);
    return current === undefined
      ? 'its Observable emits no guard at once'
      : `its Observable emitted ${describeValue(current)}, not a guard`;
  };
}
