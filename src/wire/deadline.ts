import { Observable, type Subscription } from 'rxjs';
import { ETOHANDSHAKE, IOStreamError } from '../errors.ts';
import type { Dial } from './signal.ts';
import { after } from './timer.ts';

/**
 * Errors with what `late` makes of the milliseconds when the source has not completed within the smaller of `timeout` and what
 * is left of the dial's deadline.
 */
export function within<T>(source: Observable<T>, timeout: number, dial: Dial, late: (ms: number) => unknown): Observable<T> {
  return new Observable((out) => {
    const ms = timeFor(timeout, dial);
    source.subscribe(out);
    // An address, for example, resolves at once: no timer for what is done already.
    if (!out.closed) out.add(after(ms, dial.scheduler, () => out.error(late(ms))));
  });
}

/**
 * Tells `late` of ETOHANDSHAKE when a layer is not through in time: within `timeouts.handshake`, and no later than the dial's
 * deadline. To be unsubscribed when it is through, and when it is given up.
 *
 * @param what what takes its time, for the message: 'handshake', 'TLS handshake'.
 */
export function handshakeDeadline(dial: Dial, what: string, late: (error: IOStreamError) => void): Subscription {
  const ms = timeFor(dial.timeouts.handshake, dial);
  return after(ms, dial.scheduler, () => {
    const message = `expected the ${what} to be through within ${ms} ms, it is not; raise timeouts.handshake or timeouts.establish if the peer is only slow`;
    late(new IOStreamError(ETOHANDSHAKE, { phase: 'handshake', layer: dial.layer, message }));
  });
}

/** The smaller of a timeout and what is left of the dial's deadline, in milliseconds. */
function timeFor(timeout: number, { deadline, scheduler }: Dial): number {
  return Math.max(0, Math.min(timeout, deadline - scheduler.now()));
}
