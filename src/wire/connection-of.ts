import { Socket } from 'node:net';
import { NodeConnection } from './node-connection.ts';
import { eventTarget } from './stream-events.ts';

/** Returns the connection that reads and writes a socket; `undefined` if the handle is none, or is not in use. */
export function connectionOf(handle: unknown): NodeConnection | undefined {
  const target = handle instanceof Socket ? eventTarget(handle) : undefined;
  return target instanceof NodeConnection ? target : undefined;
}
