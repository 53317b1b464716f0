import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { noop } from 'rxjs';

/** Destroys a stream that is no longer used. Its later errors are ignored: they were reported before, or no observer remains. */
export function discard(stream: Readable | Writable): void {
  if (stream.closed && !stream.errored) return;
  stream.on('error', noop).once('close', release);
  // With unsent bytes, a FIN would make truncated data look complete.
  if (stream instanceof Socket && stream.writableLength > 0) reset(stream);
  stream.destroy();
}

/** Closes a socket with a RST where the protocol has one. Otherwise destroys it. */
export function reset(socket: Socket): void {
  if (socket.destroyed || isShutting(socket)) return;
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy(); // Not TCP: no RST.
  }
}

/** During a shutdown, Node's reset fails and leaks the handle. All bytes and our FIN are sent by then, so no RST is needed. */
function isShutting(socket: Socket): boolean {
  return socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
}

function release(this: Readable | Writable): void {
  this.off('error', noop);
}
