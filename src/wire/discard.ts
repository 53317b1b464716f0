import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

/** Destroys a stream that is done with. What it may still report was told already, or has nobody left to be told to. */
export function discard(stream: Readable | Writable): void {
  if (stream.closed && !stream.errored) return;
  stream.on('error', ignore).once('close', release);
  // With bytes that have not left a FIN would tell the peer that it has got all.
  if (stream instanceof Socket && stream.writableLength > 0) reset(stream);
  stream.destroy();
}

/** Closes by RST, if it can. */
export function reset(socket: Socket): void {
  if (socket.destroyed || isShutting(socket)) return;
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy(); // Not TCP: there is no RST.
  }
}

/** In the middle of a shutdown Node's reset fails and leaks the handle. All bytes are out by then, and our FIN with them. */
function isShutting(socket: Socket): boolean {
  return socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
}

function ignore(): void {
  // nothing to do
}

function release(this: Readable | Writable): void {
  this.off('error', ignore);
}
