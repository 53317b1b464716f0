import type { FileHandle } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import { noDescriptor } from './fd-kind.ts';
import type { Ends } from './fd-streams.ts';
import { endOnHangup } from './pty.ts';

const EXPECTED = 'an fd number, a FileHandle, or an open byte stream of Node (net.Socket, Duplex, Readable, Writable)';

/** Properties read from a stream of Node, or from a compatible one. Older implementations may lack some. */
type Asked = Partial<Readable> &
  Partial<Writable> & {
    readonly _readableState?: { readonly readable?: boolean };
    readonly _writableState?: { readonly writable?: boolean };
  };

/** Whether a value is a `FileHandle` of fs/promises. Checks its methods, because the class is not exported. */
export function isFileHandle(fh: unknown): fh is FileHandle {
  return isObject(fh) && typeof fh.fd === 'number' && has(fh, 'createReadStream', 'createWriteStream', 'close', 'once');
}

/** Determines the directions of a stream. Throws a `TypeError` if it is no stream, not open, not of bytes, or has a reader. */
export function streamEnds(fh: unknown): Ends {
  const reads = isObject(fh) && has(fh, 'on', 'off', 'pipe', 'read', 'pause', 'resume', 'destroy');
  const writes = isObject(fh) && has(fh, 'on', 'off', 'write', 'end', 'destroy');
  if (!reads && !writes) throw noDescriptor(EXPECTED, nameOf(fh), 'give one of these');
  const asked = fh as Asked;
  const { destroyed, closed, errored } = asked;
  if (destroyed || closed || errored) {
    throw noDescriptor('an open stream', `a ${nameOf(fh)} that is closed`, 'give it before that', errored ?? undefined);
  }
  // Node's public properties show a direction that never existed as ended. Only the internal state differs.
  const readable = reads && asked._readableState?.readable !== false && !(fh instanceof WriteStream) ? asked : undefined;
  const writable = writes && asked._writableState?.writable !== false && !(fh instanceof ReadStream) ? asked : undefined;
  const ended = (!readable || asked.readableEnded) && (!writable || asked.writableEnded);
  if (ended) throw noDescriptor('an open stream', `a ${nameOf(fh)} that has ended`, 'give it before that');
  if (readable && !asked.readableEnded) checkReadable(asked, nameOf(fh));
  if (writable && asked.writableObjectMode) throw objectMode(nameOf(fh));
  endOnHangup(fh);
  return { readable: readable as Readable | undefined, writable: writable as Writable | undefined, fin: true };
}

function checkReadable(readable: Asked, name: string): void {
  if (readable.readableObjectMode) throw objectMode(name);
  if (readable.readableEncoding) {
    throw noDescriptor('a stream that gives bytes', `a ${name} with setEncoding('${readable.readableEncoding}')`, 'decode later');
  }
  const listeners = (['data', 'readable'] as const).some((event) => (readable.listenerCount?.(event) ?? 0) > 0);
  if (listeners || readable.readableFlowing) {
    throw noDescriptor(
      'a stream that nobody reads',
      `a ${name} that is read already`,
      "remove its 'data' and 'readable' listeners, unpipe and pause it",
    );
  }
}

function objectMode(name: string): TypeError {
  return noDescriptor('a stream of bytes', `a ${name} in objectMode`, 'make it without objectMode');
}

function nameOf(fh: unknown): string {
  if (!isObject(fh)) return fh === null ? 'null' : typeof fh;
  const { constructor: made } = fh as { constructor?: { name?: string } };
  return made?.name ?? 'object';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function has(object: Record<string, unknown>, ...methods: readonly string[]): boolean {
  return methods.every((method) => typeof object[method] === 'function');
}
