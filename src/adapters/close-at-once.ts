import { Socket } from 'node:net';
import type { IOStream } from '../stream/io-stream.ts';
import { internalsOf } from '../stream/stream-fields.ts';

/**
 * Closes a stream that has nothing unsent, without waiting for the peer's FIN as `io.close()` does. Sends the closing bytes of the
 * plugins (close_notify) and our FIN, then frees the handle.
 */
export function closeAtOnce(io: IOStream): void {
  const { handle } = internalsOf(io);
  io.close();
  if (!(handle instanceof Socket)) return;
  if (handle.writableFinished) handle.destroy();
  else handle.once('finish', destroyThis);
}

function destroyThis(this: Socket): void {
  this.destroy();
}
