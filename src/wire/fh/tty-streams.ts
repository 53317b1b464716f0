import type { Socket } from 'node:net';
import { ReadStream, WriteStream } from 'node:tty';
import { noop } from 'rxjs';
import type { StreamPair } from '../open-stream.ts';
import type { CloseFd } from './close-fd.ts';
import { endOnHangup } from './end-on-hangup.ts';
import type { FdKind } from './fd-kind.ts';
import { onDestroy } from './on-destroy.ts';

/**
 * Creates the stream of a terminal.
 *
 * @param close closes the descriptor, if the stream does not close it itself.
 * @param onClosing called when the stream closes the descriptor itself.
 */
export function ttyStreams(fd: number, { canRead, canWrite }: FdKind, close: CloseFd, onClosing: () => void): StreamPair {
  // Despite its name, a tty.ReadStream also writes if the descriptor is writable.
  const stream: Socket = canRead ? new ReadStream(fd) : new WriteStream(fd);
  // libuv reopens a terminal, to set only its own descriptor to non-blocking. We then still have to close the original number.
  const { _handle: handle } = stream as unknown as { _handle?: { fd?: number } };
  endOnHangup(stream);
  if (handle?.fd === fd) onDestroy(stream, onClosing);
  else stream.once('close', () => close(noop)); // A failed close is ignored: no observer remains.
  return { readable: canRead ? stream : undefined, writable: canWrite ? stream : undefined, fin: false };
}
