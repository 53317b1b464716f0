import { close, constants, createReadStream, createWriteStream, openSync, read, write, writev } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import { fdKind, noDescriptor, type FdKind } from './fd-kind.ts';
import { endOnHangup } from './pty.ts';

/** The two directions of an fh as streams of Node; for most they are one and the same stream. */
export interface Ends {
  readonly readable?: Readable | undefined;
  readonly writable?: Writable | undefined;
  /** Whether the peer tells with a FIN that it has read to our end. */
  readonly fin: boolean;
}

type Done = (error?: Error | null) => void;

/**
 * Takes over a descriptor: it is closed with the streams that are made of it here.
 *
 * @param onClosing called when the close is requested: the number may be another file's from then on.
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
 * Takes over a `FileHandle`: it is closed with the streams, and held till then, so that it is not collected while in use.
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
  // Closed by other code: its number may be another file's from now on.
  (handle as FileHandle & NodeJS.EventEmitter).once('close', () => {
    for (const end of streamsOf(made)) end.destroy();
  });
  return made;
}

/** Each stream once. */
export function streamsOf({ readable, writable }: Pick<Ends, 'readable' | 'writable'>): readonly (Readable | Writable)[] {
  if (!readable || (readable as unknown) === writable) return writable ? [writable] : [];
  return writable ? [readable, writable] : [readable];
}

function socketEnds(fd: number, { sort, canRead, canWrite }: FdKind, onClosing: () => void): Ends {
  // `manualStart` is what Node gives its own process.stdin: not a byte is read before somebody asks.
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
 * A `FileHandle` owns its number, so a socket must not close it; and reading a pipe with the thread pool of `fs` would hold a
 * thread, and the process, until bytes come. So the pipe is opened once more, where the system can.
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
  // Node's name for the class is narrower than what it does: it writes as well when the descriptor can.
  const stream: Socket = canRead ? new ReadStream(fd) : new WriteStream(fd);
  // libuv opens a terminal anew, so as to make only its own copy non-blocking: then the number given is still ours to close.
  const { _handle: handle } = stream as unknown as { _handle?: { fd?: number } };
  endOnHangup(stream);
  if (handle?.fd === fd) onDestroy(stream, onClosing);
  else stream.once('close', () => release(nothing));
  return { readable: canRead ? stream : undefined, writable: canWrite ? stream : undefined, fin: false };
}

/** Calls back when a socket closes its descriptor: it does so in `destroy`, while `'close'` comes a turn later. */
function onDestroy(socket: Socket, closing: () => void): void {
  const destroy = socket._destroy.bind(socket);
  socket._destroy = (error, done) => {
    closing();
    destroy(error, done);
  };
}

/** Two streams share one descriptor and its position; the last one that is through closes it. */
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
  // A failed close has nobody left to be told to.
}
