import { IOStream, type IOStreamOptions } from '../stream/io-stream.ts';
import type { Plugins } from '../wire/stack.ts';
import { targetOf, type ConnectionRequest } from './agent-request.ts';
import type { SocketDuplex } from './socket-duplex.ts';
import { socketOptions } from './socket-options.ts';
import { toDuplex } from './to-duplex.ts';

/**
 * Dials, and returns the Duplex of the connection.
 *
 * @param request where to connect, and the socket options.
 * @param options of the stream. Those of the request override them.
 * @throws TypeError for wrong options; nothing is dialled then.
 */
export function dialDuplex(request: ConnectionRequest, options: IOStreamOptions, plugin: Plugins): SocketDuplex {
  const applyTo = socketOptions(request);
  return applyTo(toDuplex(new IOStream({ ...options, ...targetOf(request, options), plugin })));
}
