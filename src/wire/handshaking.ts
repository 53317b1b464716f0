import type { Subscription } from 'rxjs';
import { ETOHANDSHAKE, IOStreamError } from '../errors.ts';
import { timeFor } from './deadline.ts';
import type { Dial } from './signal.ts';
import { after } from './timer.ts';

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

/**
 * What a layer says when the wire below it fails while it is in its handshake: the same code and facts, in phase `handshake`, with
 * the layer. What a layer further below has said of itself stays as it is.
 */
export function handshakeBroken(error: unknown, { layer }: Dial): unknown {
  if (!(error instanceof IOStreamError) || error.layer !== undefined) return error;
  const { code, errno, syscall, address, port } = error;
  const message = `the connection broke before the handshake was through: ${error.message}`;
  const facts = Object.fromEntries(Object.entries({ syscall, address, port }).filter(([, value]) => value !== undefined));
  return new IOStreamError(code, { phase: 'handshake', layer, message, errno, cause: error, facts });
}
