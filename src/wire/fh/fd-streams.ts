import { close, constants, createReadStream, createWriteStream, openSync, read, write, writev } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import { fdKind, noDescriptor, type FdKind } from './fd-kind.ts';
import { endOnHangup } from './pty.ts';

/** The two directions of an fh as Node streams. Mostly both are the same stream. */
export interface Ends {
  readonly readable?: Readable | undefined;
  readonly writable?: Writable | undefined;
  /** Whether the peer answers our end with a FIN. */
  readonly fin: boolean;
}

type Done = (error?: Error | null) => void;

/**
 * Creates the streams of a descriptor. The descriptor is closed together with them.
 *
 * @param onClosing called when the close is requested. From then on the number may belong to another file.
 */
export function fdEnds(fd: number, onClosing: () => void): Ends {
  const kind = fdKind(fd);
  const release = (done: Done): void => {
    onClosing();
    close(fd, done);
  };
  switch (kind.sort) {
    case 'socket':
    case 'pipe':
      return socketEnds(fd, kind, onClosing);
    case 'tty':
      return ttyEnds(fd, kind, release, onClosing);
    case 'file':
      return fileEnds(fd, kind, release);
  }
}

/**
 * Creates the streams of a `FileHandle`. The handle is closed together with them, and referenced until then, so that it is not
 * garbage-collected while in use.
 *
 * @param onClosing called when the close is requested.
 */
export function fileHandleEnds(handle: FileHandle, onClosing: () => void): Ends {
  const { fd } = handle;
  if (fd < 0) throw noDescriptor('an open FileHandle', 'one that is closed', 'give it before it is closed');
  const kind = fdKind(fd);
  const release = (done: Done): void => {
    onClosing();
    void handle.close().then(() => done(), done);
  };
  const ends = kind.sort === 'pipe' ? reopenedPipe(fd, kind, () => release(nothing)) : undefined;
  const made = ends ?? (kind.sort === 'tty' ? ttyEnds(fd, kind, release, onClosing) : fileEnds(fd, kind, release));
  // The handle may be closed by other code. From then on its number may belong to another file.
  (handle as FileHandle & NodeJS.EventEmitter).once('close', () => {
    for (const end of streamsOf(made)) end.destroy();
  });
  return made;
}

/** Lists each stream once. */
export function streamsOf({ readable, writable }: Pick<Ends, 'readable' | 'writable'>): readonly (Readable | Writable)[] {
  if (!readable || (readable as unknown) === writable) return writable ? [writable] : [];
  return writable ? [readable, writable] : [readable];
}

function socketEnds(fd: number, { sort, canRead, canWrite }: FdKind, onClosing: () => void): Ends {
  // Node sets `manualStart` for its own process.stdin: the socket reads no byte before it is asked to.
  const options = { fd, readable: canRead, writable: canWrite, manualStart: true } satisfies SocketConstructorOpts & {
    manualStart: boolean;
  };
  let socket: Socket;
  try {
    socket = new Socket(options);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw noDescriptor('a descriptor that nobody else reads', `${fd}, which is in use`, 'give the stream itself', cause);
    }
    throw noDescriptor('a descriptor of a TCP or UNIX socket or a pipe', `${fd} (${message})`, 'use another API', cause);
  }
  onDestroy(socket, onClosing);
  return { readable: canRead ? socket : undefined, writable: canWrite ? socket : undefined, fin: sort === 'socket' };
}

/**
 * Opens the pipe of a `FileHandle` a second time, where the system allows it. The handle owns its number, so a socket must not
 * close it. Reading the pipe through `fs` would block a pool thread, and keep the process alive, until bytes arrive.
 */
function reopenedPipe(fd: number, kind: FdKind, onClosing: () => void): Ends | undefined {
  const { O_NONBLOCK, O_RDONLY, O_WRONLY, O_RDWR } = constants;
  const mode = kind.canRead && kind.canWrite ? O_RDWR : kind.canRead ? O_RDONLY : O_WRONLY;
  try {
    return socketEnds(openSync(`/dev/fd/${fd}`, mode | O_NONBLOCK), kind, onClosing);
  } catch {
    return undefined;
  }
}

function ttyEnds(fd: number, { canRead, canWrite }: FdKind, release: (done: Done) => void, onClosing: () => void): Ends {
  // Despite its name, a tty.ReadStream also writes if the descriptor is writable.
  const stream: Socket = canRead ? new ReadStream(fd) : new WriteStream(fd);
  // libuv reopens a terminal, to set only its own descriptor to non-blocking. We then still have to close the original number.
  const { _handle: handle } = stream as unknown as { _handle?: { fd?: number } };
  endOnHangup(stream);
  if (handle?.fd === fd) onDestroy(stream, onClosing);
  else stream.once('close', () => release(nothing));
  return { readable: canRead ? stream : undefined, writable: canWrite ? stream : undefined, fin: false };
}

/** Calls `closing` when a socket closes its descriptor. It does so in `destroy`, and emits `'close'` one turn later. */
function onDestroy(socket: Socket, closing: () => void): void {
  const destroy = socket._destroy.bind(socket);
  socket._destroy = (error, done) => {
    closing();
    destroy(error, done);
  };
}

/** Creates the streams of a file. Both share one descriptor and its position. The last one to close releases the descriptor. */
function fileEnds(fd: number, { canRead, canWrite }: FdKind, release: (done: Done) => void): Ends {
  let users = Number(canRead) + Number(canWrite);
  const closeShared = (_fd: number, done: Done): void => {
    users -= 1;
    if (users === 0) release(done);
    else done();
  };
  return {
    readable: canRead ? createReadStream('', { fd, fs: { read, close: closeShared as typeof close } }) : undefined,
    writable: canWrite ? createWriteStream('', { fd, fs: { write, writev, close: closeShared as typeof close } }) : undefined,
    fin: false,
  };
}

function nothing(): void {
  // A failed close is ignored: no observer remains.
}
