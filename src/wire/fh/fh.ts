import type { FileHandle } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { defer, finalize, map, Observable, of, throwError } from 'rxjs';
import { ETOCONNECT, IOStreamError } from '../../errors.ts';
import { Claim } from './claims.ts';
import { within } from '../deadline.ts';
import { discard } from '../discard.ts';
import { fdEnds, fileHandleEnds, streamsOf, type Ends } from './fd-streams.ts';
import { isFileHandle, streamEnds } from './fh-check.ts';
import { nodeStream } from '../node-stream.ts';
import type { OpenStream } from '../open-stream.ts';
import type { Dial, Wire } from '../signal.ts';

/** Accepted by {@link fromFh}: the number of a descriptor, a `FileHandle`, or a Node stream. */
export type Fh = number | Duplex | Readable | Writable | FileHandle;

/**
 * Creates a wire over an open socket, pipe, terminal, file or any byte stream of Node.
 *
 * ```text
 *                    ┌─ readable ◀── bytes, EOF ───┐
 *   application ═════╡                             ╞═ fh: socket, pipe, terminal, file, device, Duplex
 *                    └─ writable ─── bytes, end ──▶┘
 * ```
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
 * Emits `connected` at once if the fh is open, otherwise when it has connected. Bytes already in the stream's buffer come first.
 * Files are read from their current position to the end, in the thread pool. Reading and writing a file share its position.
 *
 * **Errors**
 * - ETOCONNECT if the fh has not connected after `timeouts.connect`.
 * - EBADF, phase `'write'`, for bytes sent to an fh that cannot be written. EPIPE if its writable side has ended before.
 * - EALREADY for a second subscription: an fh is single-use.
 *
 * **Closing**
 * - The wire owns the fh from the call on, and closes it however the connection ends. Node keeps descriptors 0, 1 and 2 open.
 * - When the flow completes, queued bytes are flushed. A socket or `Duplex` then waits for the peer's FIN. Any other fh closes at
 *   once.
 * - A direction that never existed counts as ended, and emits no `end`. A readable side that has ended before emits `end` right
 *   after `connected`.
 * - For Node, a child's `stdout` is a socket pair: complete the flow to close it.
 * - Unsubscribing destroys the fh at once.
 *
 * **Backpressure**: lossless. A file is read ahead by up to 64 KiB.
 *
 * **Memory**: bounded by the stream's `highWaterMark`.
 *
 * ```ts
 * import { fromFh, IOStream, stack } from 'rxjs-io-stream';
 *
 * export const wire = stack({}, fromFh(process.stdin)); // for a stack
 * new IOStream({ fh: process.stdin }).data$.subscribe((bytes) => console.log(bytes.length)); // the same, done for you
 * ```
 *
 * @param fh an open descriptor number, `FileHandle` or Node stream.
 * @returns a wire that ignores `dial.to`.
 * @throws TypeError `can't get file descriptor…` if `fh` is none of these, not open, a directory, not a stream of bytes, or has a
 *   reader. A TypeError also if another wire uses it.
 */
export function fromFh(fh: Fh): Wire {
  const given = standard(fh) ?? fh;
  // Check the claim before the fh: an fh of another wire must not be touched, and would be rejected for its reader.
  const claim = new Claim(given);
  const ends = endsOf(given, () => claim.release());
  const wire = nodeStream((dial) => opening(ends, dial));
  let taken = false;
  return (dial) => (flow$) =>
    defer(() => {
      if (taken) return throwError(() => new IOStreamError('EALREADY', { phase: 'connect', errno: -114, message: ALREADY }));
      claim.take();
      taken = true;
      // The fh was open before the subscription: also close it if the subscription ends before `connected`.
      return flow$.pipe(
        wire(dial),
        finalize(() => {
          streamsOf(ends).forEach(discard);
          if (!isDescriptor(given)) claim.release(); // The claim on a descriptor is released when its close is requested.
        }),
      );
    });
}

const ALREADY = 'expected one subscription for each fh, got a second one; open the fh anew and make another wire';

/** Node's own streams for the standard descriptors. Two readers of one descriptor would each get only a part of the bytes. */
const STANDARD = [() => process.stdin, () => process.stdout, () => process.stderr] as const;

const standard = (fh: unknown): Readable | Writable | undefined => (typeof fh === 'number' ? STANDARD[fh]?.() : undefined);

const isDescriptor = (fh: unknown): fh is number | FileHandle => typeof fh === 'number' || isFileHandle(fh);

function endsOf(fh: unknown, onClosing: () => void): Ends {
  if (typeof fh === 'number') return fdEnds(fh, onClosing);
  return isFileHandle(fh) ? fileHandleEnds(fh, onClosing) : streamEnds(fh);
}

function opening(ends: Ends, dial: Dial): Observable<OpenStream> {
  const { readable, writable, fin } = ends;
  const stream = readable ?? writable;
  const opened: OpenStream = { kind: 'opened', readable, writable, fin, details: { wire: 'fh', handle: stream } };
  const closed = streamsOf(ends).find(({ destroyed }) => destroyed);
  if (closed) return throwError(() => closedBefore(closed));
  if (!stream || !isPending(stream)) return of(opened);
  return within(ready(stream), dial.timeouts.connect, dial, lateOpening).pipe(map(() => opened));
}

/** Whether a stream is still opening. Sockets and files have `pending`. A TLS socket is open when both sides have sent Finished. */
function isPending(stream: Readable | Writable): boolean {
  if (stream instanceof TLSSocket) return !(stream.getFinished() && stream.getPeerFinished());
  return (stream as Partial<Socket>).pending === true;
}

/** Emits when the stream is open. Removes all its listeners afterwards. */
function ready(stream: Readable | Writable): Observable<void> {
  const events = stream instanceof TLSSocket ? ['secureConnect', 'secure'] : ['ready'];
  return new Observable((opened) => {
    if ('allowHalfOpen' in stream) stream.allowHalfOpen = true;
    const onReady = (): void => {
      // A TLS socket emits 'secure' although its certificate was rejected. The error follows.
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
