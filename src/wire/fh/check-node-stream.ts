import type { Readable, Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import type { StreamPair } from '../open-stream.ts';
import { endOnHangup } from './end-on-hangup.ts';
import { hasMethods } from './has-methods.ts';
import { noDescriptor } from './no-descriptor.ts';

const EXPECTED = 'an fd number, a FileHandle, or an open byte stream of Node (net.Socket, Duplex, Readable, Writable)';

/** Properties read from a stream of Node, or from a compatible one. Older implementations may lack some. */
type AnyStream = Partial<Readable> &
  Partial<Writable> & {
    readonly _readableState?: { readonly readable?: boolean };
    readonly _writableState?: { readonly writable?: boolean };
  };

/**
 * Determines the directions of a stream of Node.
 *
 * @throws TypeError if it is no stream, not open, not of bytes, or has a reader.
 */
export function checkNodeStream(fh: unknown): StreamPair {
  const reads = hasMethods(fh, 'on', 'off', 'pipe', 'read', 'pause', 'resume', 'destroy');
  const writes = hasMethods(fh, 'on', 'off', 'write', 'end', 'destroy');
  const name = nameOf(fh);
  if (!reads && !writes) throw noDescriptor(EXPECTED, name, 'pass one of these');
  const stream = fh as AnyStream;
  const { destroyed, closed, errored } = stream;
  if (destroyed || closed || errored)
    throw noDescriptor('an open stream', `a ${name} that is closed`, 'pass it before that', errored ?? undefined);
  // Node's public properties show a direction that never existed as ended. Only the internal state differs.
  const readable = reads && stream._readableState?.readable !== false && !(fh instanceof WriteStream) ? stream : undefined;
  const writable = writes && stream._writableState?.writable !== false && !(fh instanceof ReadStream) ? stream : undefined;
  const hasEnded = (!readable || stream.readableEnded) && (!writable || stream.writableEnded);
  if (hasEnded) throw noDescriptor('an open stream', `a ${name} that has ended`, 'pass it before that');
  if (readable && !stream.readableEnded) checkReadable(stream, name);
  if (writable && stream.writableObjectMode) throw objectMode(name);
  endOnHangup(stream);
  return { readable: readable as Readable | undefined, writable: writable as Writable | undefined, fin: true };
}

function checkReadable(readable: AnyStream, name: string): void {
  if (readable.readableObjectMode) throw objectMode(name);
  if (readable.readableEncoding)
    throw noDescriptor('a stream of bytes', `a ${name} with setEncoding('${readable.readableEncoding}')`, 'decode later');
  const hasListeners = (['data', 'readable'] as const).some((event) => (readable.listenerCount?.(event) ?? 0) > 0);
  if (hasListeners || readable.readableFlowing) {
    const advice = "remove its 'data' and 'readable' listeners, unpipe and pause it";
    throw noDescriptor('a stream without a reader', `a ${name} that is read already`, advice);
  }
}

function objectMode(name: string): TypeError {
  return noDescriptor('a stream of bytes', `a ${name} in objectMode`, 'make it without objectMode');
}

function nameOf(fh: unknown): string {
  if (typeof fh !== 'object' || fh === null) return fh === null ? 'null' : typeof fh;
  return (fh as { constructor?: { name?: string } }).constructor?.name ?? 'object';
}
