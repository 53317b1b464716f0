import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

/** Returns the stream if it is an open socket of Node's own class, without bytes that were read or are being written. */
export function freshSocket(stream: Readable | Writable | undefined): Socket | undefined {
  if (!(stream instanceof Socket) || stream.constructor !== Socket) return undefined;
  const isQuiet = stream.readableLength === 0 && stream.writableLength === 0 && stream.listenerCount('data') === 0;
  const isOpen = !stream.destroyed && !stream.readableEnded && !stream.writableEnded;
  return isQuiet && isOpen ? stream : undefined;
}
