import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { noop } from 'rxjs';
import { nextTurn } from '../util/next-turn.ts';

/** TLS sockets whose reset follows in the next turn, and the sockets below them. */
const resetting = new WeakSet<Readable | Writable>();

/**
 * Destroys a stream that is no longer used. Its later errors are ignored: they were reported before, or no observer remains.
 *
 * @param below the socket below a TLS socket.
 */
export function discard(stream: Readable | Writable, below?: Socket): void {
  if (stream.closed && !stream.errored) return;
  stream.on('error', noop);
  // TLS of Node may emit an error after 'close'.
  if (!below) stream.once('close', release);
  // With unsent bytes, a FIN would make truncated data look complete.
  if (stream instanceof Socket && stream.writableLength > 0) reset(stream, below);
  if (!resetting.has(stream)) stream.destroy();
}

/**
 * Closes a socket with a RST where the protocol has one. Otherwise destroys it.
 *
 * @param below the socket below a TLS socket, which Node can reset only there.
 */
export function reset(socket: Socket, below?: Socket): void {
  if (socket.destroyed || resetting.has(socket) || isShutting(socket)) return;
  if (!below) {
    resetNow(socket);
    return;
  }
  // This may run inside of OpenSSL, in the callback of a handshake or of data. Node would free what OpenSSL still uses, and crash.
  resetting.add(socket).add(below);
  nextTurn(() => {
    if (!below.destroyed) resetNow(below);
    socket.destroy();
  });
}

function resetNow(socket: Socket): void {
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
