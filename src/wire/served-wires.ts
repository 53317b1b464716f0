import type { Wire } from './signal.ts';

const IS_SERVED: unique symbol = Symbol('rxjs-io-stream served');
type MarkedWire = Wire & { [IS_SERVED]?: true };

/** Marks a wire as one that the peer has opened, and returns it. Diagnostics call its stream a server's. */
export function markServed(wire: MarkedWire): Wire {
  wire[IS_SERVED] = true;
  return wire;
}

/** Returns whether the peer has opened this wire. */
export function isServed(wire: MarkedWire | undefined): boolean {
  return wire?.[IS_SERVED] === true;
}
