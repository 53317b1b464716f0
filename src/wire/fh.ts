import type { FileHandle } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { defer, finalize, map, Observable, of, throwError } from 'rxjs';
import { ETOCONNECT, IOStreamError } from '../errors.ts';
import { Claim } from './claims.ts';
import { within } from './deadline.ts';
import { discard } from './discard.ts';
import { fdEnds, fileHandleEnds, streamsOf, type Ends } from './fd-streams.ts';
import { isFileHandle, streamEnds } from './fh-check.ts';
import { nodeStream, type Opened } from './node-stream.ts';
import type { Dial, Wire } from './signal.ts';

/** What {@link fromFh} takes: the number of a descriptor, a `FileHandle`, or a stream of Node. */
export type Fh = number | Duplex | Readable | Writable | FileHandle;

/**
 * Carries bytes over something that is open already: a socket, a pipe, a terminal, a file, any byte stream of Node.
 *
 * ```text
 *                    ┌─ readable ◀── bytes, EOF ───┐
 *   application ═════╡                             ╞═ fh: socket, pipe, terminal, file, device, Duplex
 *                    └─ writable ─── bytes, end ──▶┘
 * ```
 *
 * The wire owns the fh from the call on, and closes it when it ends, however it ends.
 *
 * | fh | carried by | reads | writes |
 * |---|---|---|---|
 * | `net.Socket`, `tls.TLSSocket`, any `Duplex` | itself, once it is connected (TLS: secure) | yes | yes |
 * | `Readable`, `process.stdin`, `tty.ReadStream`, a file's | itself, once it is open | yes | |
 * | `Writable`, `process.stdout`, `tty.WriteStream`, a file's, a child's stdin | itself, once it is open | | yes |
 * | number: TCP or UNIX socket | `net.Socket` | yes | yes |
 * | number: pipe, FIFO, terminal, file, device | `net.Socket`, `tty` or `fs` streams | as it was opened | as it was opened |
 * | 0, 1, 2 | `process.stdin`, `stdout`, `stderr` | 0 | 1, 2 |
 * | `FileHandle` | as its number | as it was opened | as it was opened |
 *
 * **One direction.** A missing direction counts as finished when the fh is connected; none that never was gives an EOF, and
 * writing to it errors with EBADF, phase `'write'`. A direction that existed and has ended tells it: a `Duplex` that was read
 * to its end before gives `end` right after `connected`; writing to one that was ended errors with EPIPE.
 *
 * **Files** are read from their present position to the end, in the thread pool. Reading and writing share the position, as
 * in the kernel, and up to 64 KiB are read ahead of you.
 *
 * **Its life.** An open fh is `connected` when it is subscribed, one that still connects (a socket, a file that is opened) when
 * that is done: ETOCONNECT after `timeouts.connect`. When the flow completes, what was given is flushed; a socket or `Duplex`
 * then waits for the peer's FIN, anything else is closed at once. Unsubscribed, the fh is destroyed at once. It is single-use: a
 * second subscription errors with EALREADY. Descriptors 0, 1 and 2 stay open for Node, as it wants them. A child's `stdout` is
 * a socket pair in Node's eyes: end the flow to have done with it. Bytes that were read into the stream's buffer, or put back
 * with `unshift`, come first. Lossless; memory is bounded by the stream's own `highWaterMark`.
 *
 * ```ts
 * import { fromFh, IOStream, stack } from 'rxjs-io-stream';
 *
 * export const wire = stack({}, fromFh(process.stdin)); // for a stack
 * new IOStream({ fh: process.stdin }).data$.subscribe((bytes) => console.log(bytes.length)); // the same, done for you
 * ```
 *
 * @param fh what to carry bytes over.
 * @returns a wire that ignores `dial.to`.
 * @throws TypeError `can't get file descriptor…`, when it is nothing of these, not open, a directory, gives strings or objects, or
 * is being read by somebody.
 */
export function fromFh(fh: Fh): Wire {
  const given = standard(fh) ?? fh;
  // Before the fh is looked at: that of another wire must not be touched, and looks as if it were in use.
  const claim = new Claim(given);
  const ends = endsOf(given, () => claim.release());
  const wire = nodeStream((dial) => opening(ends, dial));
  let taken = false;
  return (dial) => (flow$) =>
    defer(() => {
      if (taken) return throwError(() => new IOStreamError('EALREADY', { phase: 'connect', errno: -114, message: ALREADY }));
      claim.take();
      taken = true;
      // It was open before we were: whoever leaves early, it is ours to close.
      return flow$.pipe(
        wire(dial),
        finalize(() => {
          streamsOf(ends).forEach(discard);
          if (!isDescriptor(given)) claim.release(); // That of a descriptor is released when its close is requested.
        }),
      );
    });
}

const ALREADY = 'expected one subscription for each fh, got a second one; open the fh anew and make another wire';

/** Node's own streams for the descriptors every program has: two readers of one descriptor would steal from each other. */
const STANDARD = [() => process.stdin, () => process.stdout, () => process.stderr] as const;

const standard = (fh: unknown): Readable | Writable | undefined => (typeof fh === 'number' ? STANDARD[fh]?.() : undefined);

const isDescriptor = (fh: unknown): fh is number | FileHandle => typeof fh === 'number' || isFileHandle(fh);

function endsOf(fh: unknown, onClosing: () => void): Ends {
  if (typeof fh === 'number') return fdEnds(fh, onClosing);
  return isFileHandle(fh) ? fileHandleEnds(fh, onClosing) : streamEnds(fh);
}

function opening(ends: Ends, dial: Dial): Observable<Opened> {
  const { readable, writable, fin } = ends;
  const stream = readable ?? writable;
  const opened: Opened = { kind: 'opened', readable, writable, fin, details: { wire: 'fh', handle: stream } };
  const closed = streamsOf(ends).find(({ destroyed }) => destroyed);
  if (closed) return throwError(() => closedBefore(closed));
  if (!stream || !isPending(stream)) return of(opened);
  return within(ready(stream), dial.timeouts.connect, dial, lateOpening).pipe(map(() => opened));
}

/** Sockets and files say `pending` before they are open; a TLS socket is ready when both sides have said Finished. */
function isPending(stream: Readable | Writable): boolean {
  if (stream instanceof TLSSocket) return !(stream.getFinished() && stream.getPeerFinished());
  return (stream as Partial<Socket>).pending === true;
}

/** Emits when the stream is open, and leaves no listener behind. */
function ready(stream: Readable | Writable): Observable<void> {
  const events = stream instanceof TLSSocket ? ['secureConnect', 'secure'] : ['ready'];
  return new Observable((opened) => {
    if ('allowHalfOpen' in stream) stream.allowHalfOpen = true;
    const onReady = (): void => {
      // A TLS socket whose certificate was refused is secure for an instant: its error comes.
      if (stream.destroyed) return;
      opened.next();
      opened.complete();
    };
    const onError = (error: Error): void => opened.error(IOStreamError.from(error, { phase: phaseOf(stream, error) }));
    const onClose = (): void => opened.error(closedBefore(stream));
    for (const event of events) stream.on(event, onReady);
    stream.on('error', onError).on('close', onClose);
    return () => {
      for (const event of events) stream.off(event, onReady);
      stream.off('error', onError).off('close', onClose);
    };
  });
}

function phaseOf(stream: Readable | Writable, error: NodeJS.ErrnoException): 'connect' | 'handshake' {
  return stream instanceof TLSSocket && error.syscall !== 'connect' ? 'handshake' : 'connect';
}

function closedBefore({ errored }: Readable | Writable): IOStreamError {
  if (errored) return IOStreamError.from(errored, { phase: 'connect' });
  const message = 'expected the fh to stay open until it is connected, it was closed by somebody else; close it with io.close()';
  return new IOStreamError('EBADF', { phase: 'connect', errno: -9, message });
}

function lateOpening(ms: number): IOStreamError {
  const message = `expected the fh to be connected within ${ms} ms, it still is not; raise timeouts.connect or timeouts.establish if it is only slow`;
  return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
}
