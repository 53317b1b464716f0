import { defer, Subscription, type ObservableInput } from 'rxjs';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import type { IOStream } from './io-stream.ts';
import { internalsOf } from './stream-fields.ts';
import type { ReadEnd } from './read-end.ts';

/** Handles a connection. When the returned Observable completes, the connection is closed; when it errors, it is reset. */
export type Handler<S = IOStream, T = unknown> = (io: S) => ObservableInput<T>;

/** Receives the reports of {@link runHandler}. */
export interface HandlerObserver<T> {
  next?(value: T): void;
  /** The handler threw or errored; the connection has been reset. */
  error(error: unknown): void;
  /** The handler completed; the connection is closing. */
  complete?(): void;
  /** The handler was unsubscribed: we closed the connection, or it ended while the handler neither read nor sent. */
  stopped?(end: ReadEnd): void;
}

/**
 * Runs the handler of an open connection.
 *
 * - When we close the connection, the handler is unsubscribed.
 * - A handler that reads or sends when the connection ends receives the end there, and continues to run.
 * - A handler that has read before continues to run when the connection ends without an error.
 * - Any other handler would never see the end, and is unsubscribed.
 *
 * @returns a Subscription that is closed when the handler has ended. Unsubscribing it unsubscribes the handler.
 */
export function runHandler<S extends IOStream, T>(io: S, handler: Handler<S, T>, observer: HandlerObserver<T>): Subscription {
  const core = internalsOf(io);
  const running = new Subscription();
  const fail = (error: unknown): void => {
    running.unsubscribe();
    io.reset();
    observer.error(error);
  };
  const inner = guardedSubscriber<T>({
    next: (value) => observer.next?.(value),
    error: fail,
    complete: () => {
      running.unsubscribe();
      io.close();
      observer.complete?.();
    },
    caught: fail,
  });
  running.add(inner);
  running.add(
    core.lifetime.closing$.subscribe((end) => {
      const goesOn = core.lifetime.wasInUse || (!('error' in end) && core.reads.wasRead);
      if (core.lifetime.state !== 'closing' && goesOn) return;
      running.unsubscribe();
      observer.stopped?.(end);
    }),
  );
  if (!inner.closed) defer(() => handler(io)).subscribe(inner);
  return running;
}
