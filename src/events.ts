/** A set of events: the bitwise OR of the constants below. 0 is the empty set. */
export type EventMask = number;

/** The name of `host` was resolved; the first candidate address is in `io.ip`. Comes before {@link CONNECTED}. */
export const RESOLVED = 1;
/** The connection is there and every plugin is through its handshake. */
export const CONNECTED = 2;
/** Bytes were read; they are in `io.inBuf`. */
export const IN = 4;
/** Bytes of `io.outBuf` went down to the first plugin; they may not have left yet (see {@link SENT}). */
export const OUT = 8;
/** The peer ended its direction. Comes once. */
export const EOF = 16;
/** All of `io.outBuf` has left for the kernel. */
export const SENT = 32;

const NAMES: readonly (readonly [EventMask, string])[] = [
  [RESOLVED, 'RESOLVED'],
  [CONNECTED, 'CONNECTED'],
  [IN, 'IN'],
  [OUT, 'OUT'],
  [EOF, 'EOF'],
  [SENT, 'SENT'],
];

/** Every event there is. */
export const ALL_EVENTS: EventMask = NAMES.reduce((mask, [bit]) => mask | bit, 0);

/**
 * Names the events of a mask, in the order of their bits; bits that are no event are left out.
 *
 * ```ts
 * import { eventNames, IN, EOF } from 'rxjs-io-stream';
 *
 * console.log(eventNames(IN | EOF)); // [ 'IN', 'EOF' ]
 * ```
 */
export function eventNames(mask: EventMask): string[] {
  return NAMES.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
}
