/** A set of events: the bitwise OR of the constants below. 0 is the empty set. */
export type EventMask = number;

/** The name of `host` was resolved. `io.ip` is the first candidate address. Emitted before {@link CONNECTED}. */
export const RESOLVED = 1;
/** The connection is open and every plugin has finished its handshake. */
export const CONNECTED = 2;
/** Bytes were read into `io.inBuf`. */
export const IN = 4;
/** Bytes of `io.outBuf` were written to the first plugin. They may not have been sent yet; see {@link SENT}. */
export const OUT = 8;
/** The peer ended its direction. Emitted once. */
export const EOF = 16;
/** All bytes of `io.outBuf` have been sent: the kernel has taken them. */
export const SENT = 32;

const NAMES: readonly (readonly [EventMask, string])[] = [
  [RESOLVED, 'RESOLVED'],
  [CONNECTED, 'CONNECTED'],
  [IN, 'IN'],
  [OUT, 'OUT'],
  [EOF, 'EOF'],
  [SENT, 'SENT'],
];

/** The mask of all events. */
export const ALL_EVENTS: EventMask = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/**
 * Returns the names of the events in a mask, in the order of their bits. Ignores all other bits.
 *
 * ```ts
 * import { eventNames, IN, EOF } from 'rxjs-io-stream';
 *
 * console.log(eventNames(IN | EOF)); // [ 'IN', 'EOF' ]
 * ```
 *
 * @param mask a set of events.
 * @returns names such as `'IN'`.
 */
export function eventNames(mask: EventMask): string[] {
  return NAMES.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
}
