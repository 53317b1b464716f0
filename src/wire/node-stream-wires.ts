import type { Wire } from './signal.ts';

/** A property, not a WeakSet: each connection makes wires, and adding them to a set took 1.5 µs of its 60. */
const IS_NODE_STREAM: unique symbol = Symbol('rxjs-io-stream node stream');
type MarkedWire = Wire & { [IS_NODE_STREAM]?: true };

/** Marks a wire as one that carries the bytes of a Node stream with no layer in between, and returns it. */
export function markNodeStream(wire: MarkedWire): Wire {
  wire[IS_NODE_STREAM] = true;
  return wire;
}

/** Returns whether no layer lies between this wire and its Node stream. */
export function isNodeStream(wire: MarkedWire): boolean {
  return wire[IS_NODE_STREAM] === true;
}

/** Marks `wire`, which adds no layer to `below`, as `below` is marked, and returns it. */
export function markAs(below: Wire, wire: Wire): Wire {
  return isNodeStream(below) ? markNodeStream(wire) : wire;
}
