import type { Subscription } from 'rxjs';
import { ETOHANDSHAKE, IOStreamError } from '../errors.ts';
import { remainingTime } from '../wire/deadline.ts';
import type { Dial } from '../wire/signal.ts';
import { after } from '../util/timer.ts';

/**
 * Calls `late` with ETOHANDSHAKE after `timeouts.handshake`, or at the dial's deadline if that is earlier. Unsubscribe when the
 * handshake has completed or failed.
 *
 * @param what name of the handshake for the message: 'handshake', 'TLS handshake'.
 */
export function handshakeDeadline(dial: Dial, what: string, late: (error: IOStreamError) => void): Subscription {
  const ms = remainingTime(dial.timeouts.handshake, dial);
  return after(ms, dial.scheduler, () => {
    const message = `the ${what} did not complete within ${ms} ms; raise timeouts.handshake or timeouts.establish if the peer is only slow`;
    late(new IOStreamError(ETOHANDSHAKE, { phase: 'handshake', layer: dial.layer, message }));
  });
}

/**
 * Converts an error of the wire below during a layer's handshake. The result has the same code and facts, phase `handshake`, and
 * the layer's name. An error that already names a lower layer is returned unchanged.
 */
export function handshakeBroken(error: unknown, { layer }: Dial): unknown {
  if (!(error instanceof IOStreamError) || error.layer !== undefined) return error;
  const { code, errno, syscall, address, port } = error;
  const message = `connection broke during the handshake: ${error.message}`;
  const facts = Object.fromEntries(Object.entries({ syscall, address, port }).filter(([, value]) => value !== undefined));
  return new IOStreamError(code, { phase: 'handshake', layer, message, errno, cause: error, facts });
}
