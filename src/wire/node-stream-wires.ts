import type { Wire } from './signal.ts';

const NODE_STREAM_WIRES = new WeakSet<Wire>();

/** Marks a wire as one that carries the bytes of a Node stream with no layer in between, and returns it. */
export function markNodeStream(wire: Wire): Wire {
  NODE_STREAM_WIRES.add(wire);
  return wire;
}

/** Returns whether no layer lies between this wire and its Node stream. */
export function isNodeStream(wire: Wire): boolean {
  return NODE_STREAM_WIRES.has(wire);
}
