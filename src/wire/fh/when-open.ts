import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { map, Observable, type Unsubscribable } from 'rxjs';
import { ETOCONNECT, IOStreamError } from '../../errors.ts';
import { within } from '../deadline.ts';
import { openedBy } from '../node-stream.ts';
import { streamsOf, type OpeningTarget, type OpenStream, type StreamPair } from '../open-stream.ts';
import type { Dial } from '../signal.ts';
import { wireDetails } from '../wire-details.ts';

/** Opens the streams of an fh: at once if they are open, otherwise when they have connected. Fails after `timeouts.connect`. */
export function whenOpen(pair: StreamPair, dial: Dial, target: OpeningTarget): Unsubscribable | undefined {
  const { readable, writable, fin } = pair;
  const stream = readable ?? writable;
  const open: OpenStream = { kind: 'opened', readable, writable, fin, details: wireDetails({ wire: 'fh' }, stream) };
  const closed = streamsOf(pair).find(({ destroyed }) => destroyed);
  if (closed) target.failed(closedBefore(closed));
  else if (stream && isPending(stream))
    return openedBy(() => within(opened(stream), dial.timeouts.connect, dial, openingTimedOut).pipe(map(() => open)))(dial, target);
  else target.opened(open);
  return undefined;
}

/** Whether a stream is still opening. Sockets and files have `pending`. A TLS socket is open when both sides have sent Finished. */
function isPending(stream: Readable | Writable): boolean {
  if (stream instanceof TLSSocket) return !(stream.getFinished() && stream.getPeerFinished());
  return (stream as Partial<Socket>).pending === true;
}

/** Emits when the stream has opened. Removes all its listeners afterwards. */
function opened(stream: Readable | Writable): Observable<void> {
  const events = stream instanceof TLSSocket ? ['secureConnect', 'secure'] : ['ready'];
  return new Observable((emitter) => {
    if ('allowHalfOpen' in stream) stream.allowHalfOpen = true;
    const onReady = (): void => {
      // A TLS socket emits 'secure' although its certificate was rejected. The error follows.
      if (stream.destroyed) return;
      emitter.next();
      emitter.complete();
    };
    const onError = (error: Error): void => emitter.error(IOStreamError.from(error, { phase: phaseOf(stream, error) }));
    const onClose = (): void => emitter.error(closedBefore(stream));
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
  const message = 'fh was closed outside of the stream before it was connected; close it with io.close()';
  return new IOStreamError('EBADF', { phase: 'connect', errno: -9, message });
}

function openingTimedOut(ms: number): IOStreamError {
  const message = `fh was not connected within ${ms} ms; raise timeouts.connect or timeouts.establish if it is only slow`;
  return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
}
