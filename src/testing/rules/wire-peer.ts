import type { Dial, Wire } from '../../wire/signal.ts';
import { Endpoint } from './endpoint.ts';

/** The other end of a wire under test, controlled by the check: a socket, or the other end of a `memoryPair`. */
export interface Peer {
  /** Writes bytes to the other end. */
  readonly write: (bytes: Uint8Array) => void;
  /** Half-closes: sends a FIN. */
  readonly end: () => void;
  /** Destroys the connection at once, with a RST where the transport has one. */
  readonly reset: () => void;
  /** Stops reading, so that the other end's bytes are buffered. */
  readonly pause: () => void;
  /** Reads again. */
  readonly resume: () => void;
  /** Returns all bytes received so far. */
  readonly received: () => Uint8Array;
  /** Returns the number of bytes received so far. */
  readonly count: () => number;
  /** Whether the other end's FIN was received. */
  readonly ended: () => boolean;
  /** Whether the connection was reset or failed. */
  readonly failed: () => boolean;
}

/**
 * Subscribes to a wire and returns a {@link Peer} that controls it. Use it for the other end of a `memoryPair` in `checkWire`.
 *
 * ```ts
 * import { checkWire, memoryPair, testDial, wirePeer } from 'rxjs-io-stream/testing';
 *
 * const report = await checkWire(() => {
 *   const [wire, other] = memoryPair();
 *   return { wire, dial: testDial(), peer: () => wirePeer(other, testDial()) };
 * }, { singleUse: true });
 * report.assert();
 * ```
 *
 * @param wire the wire, dialled at once.
 * @param dial the dial for it, for example of `testDial`.
 * @see {@link checkWire}, {@link memoryPair}.
 */
export function wirePeer(wire: Wire, dial: Dial): Peer {
  const end = new Endpoint().dial(wire, dial);
  return {
    write: (bytes) => end.write(bytes),
    end: () => end.end(),
    reset: () => end.unsubscribe(),
    pause: () => end.pause(),
    resume: () => end.resume(),
    received: () => end.bytes,
    count: () => end.received,
    ended: () => end.hasEnded,
    failed: () => end.is('error'),
  };
}
