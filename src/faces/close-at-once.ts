import { Socket } from 'node:net';
import { coreOf, type IOStream } from '../stream/io-stream.ts';

/**
 * Closes a stream that has sent all it was given, and does not wait for the peer's FIN as `io.close()` does: the farewell of the
 * plugins and our FIN are still sent, then the handle is freed.
 */
export function closeAtOnce(io: IOStream): void {
  const { handle } = coreOf(io);
  io.close();
  if (!(handle instanceof Socket)) return;
  if (handle.writableFinished) handle.destroy();
  else handle.once('finish', destroyThis);
}

function destroyThis(this: Socket): void {
  this.destroy();
}
