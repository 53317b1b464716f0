import { addAbortSignal } from 'node:stream';
import type { ConnectionRequest } from './agent-request.ts';
import type { SocketDuplex } from './socket-duplex.ts';

/** Applies the options of a request that belong to the socket. */
export function withSocketOptions<D extends SocketDuplex>(duplex: D, request: ConnectionRequest): D {
  const { timeout, keepAlive, keepAliveInitialDelay, signal } = request;
  if (timeout) duplex.setTimeout(timeout);
  if (keepAlive) duplex.setKeepAlive(true, keepAliveInitialDelay);
  return signal ? addAbortSignal(signal, duplex) : duplex;
}
