import type { Dial, Wire } from '../wire/signal.ts';
import { AppEnd } from './app-end.ts';

/** The other end of a wire that is checked, driven by hand: a socket of the system, or the other end of a pair. */
export interface Peer {
  readonly write: (bytes: Uint8Array) => void;
  /** Half-close: no more bytes from here. */
  readonly end: () => void;
  /** Cuts the connection off at once, RST where there is one. */
  readonly reset: () => void;
  /** Stops reading, so that the other end's bytes pile up. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** All bytes that arrived so far. */
  readonly received: () => Uint8Array;
  /** How many they are. */
  readonly count: () => number;
  /** The other end's half-close arrived. */
  readonly ended: () => boolean;
  /** The connection was reset or failed. */
  readonly failed: () => boolean;
}

/**
 * Subscribes a wire and makes a {@link Peer} of it: the other end of a `memoryPair`, for `checkWire`.
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
 * @param wire dialled at once.
 */
export function wirePeer(wire: Wire, dial: Dial): Peer {
  const end = new AppEnd().dial(wire, dial);
  return {
    write: (bytes) => end.give(bytes),
    end: () => end.end(),
    reset: () => end.unsubscribe(),
    pause: () => end.pause(),
    resume: () => end.resume(),
    received: () => end.bytes,
    count: () => end.received,
    ended: () => end.ended,
    failed: () => end.is('error'),
  };
}
