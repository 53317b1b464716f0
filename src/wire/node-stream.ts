import { noop, Observable } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { NodeConnection } from './node-connection.ts';
import type { OpenStream } from './open-stream.ts';
import type { Dial, ResolvedSignal, Up, Wire } from './signal.ts';

/**
 * Creates a wire from a function that opens a Node stream. The stream is freed however the connection ends.
 *
 * Sets `allowHalfOpen` on the stream, because a half-close must never close the other direction. Changes no other option.
 *
 * @param open returns an Observable of the `resolved` signals, then the open stream. When it is unsubscribed before it has
 *   emitted the stream, it must free the stream itself.
 */
export function nodeStream(open: (dial: Dial) => Observable<ResolvedSignal | OpenStream>): Wire {
  return (dial) => (flow$) =>
    new Observable<Up>((up) => {
      const opening$ = open(dial);
      const connection = new NodeConnection(dial, up);
      const outbound = guardedSubscriber(connection);
      const opening = guardedSubscriber<ResolvedSignal | OpenStream>({
        next: (signal) => (signal.kind === 'opened' ? connection.open(signal) : up.next(signal)),
        error: (error: unknown) => up.error(IOStreamError.from(error, { phase: 'connect' })),
        complete: noop,
        caught: (error: unknown) => up.error(error),
      });
      up.add(outbound);
      up.add(opening);
      up.add(connection);
      flow$.subscribe(outbound);
      if (!up.closed) opening$.subscribe(opening);
    });
}
