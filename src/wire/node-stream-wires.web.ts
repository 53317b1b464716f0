import type { Wire } from './signal.ts';

// No wire has a Node stream here: see `node-stream-wires.ts` for Node.

/** Returns `wire`. */
export function markNodeStream(wire: Wire): Wire {
  return wire;
}

/** Returns false. */
export function isNodeStream(_wire: Wire): boolean {
  return false;
}

/** Returns `wire`. */
export function markAs(_below: Wire, wire: Wire): Wire {
  return wire;
}
