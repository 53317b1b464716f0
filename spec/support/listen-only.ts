import { NEVER, type Observable } from 'rxjs';
import type { Up, Wire } from '../../src/wire/signal.ts';
import { dialOf } from './wire-driver.ts';

/** Subscribes to a wire, and sends nothing. */
export function listenOnly(wire: Wire): Observable<Up> {
  return NEVER.pipe(wire(dialOf()));
}
