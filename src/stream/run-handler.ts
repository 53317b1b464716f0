import { defer, Subscription, type ObservableInput } from 'rxjs';
import { inlet } from '../wire/operate.ts';
import { coreOf, type IOStream } from './io-stream.ts';
import type { ReadEnd } from './read-side.ts';

/** What a connection is for. When the Observable completes, the connection is closed; when it errors, it is reset. */
export type Handler<S = IOStream, T = unknown> = (io: S) => ObservableInput<T>;

/** What {@link runHandler} reports. */
export interface HandlerObserver<T> {
  next?(value: T): void;
  /** The handler threw or errored; the connection has been reset. */
  error(error: unknown): void;
  /** The handler completed; the connection is closing. */
  complete?(): void;
  /** The connection ended while the handler neither read nor sent, or was closed by us: the handler was unsubscribed. */
  stopped?(end: ReadEnd): void;
}

/**
 * Runs the handler of a connection that is open.
 *
 * A handler that reads or sends when the connection ends gets the end by that, and is not cut off in what it does about it;
 * nor is one that has read, when both sides have ended. Any other would never learn of the end: it is unsubscribed.
 *
 * @returns closed when the handler has ended, in whatever way; unsubscribed, it unsubscribes the handler.
 */
export function runHandler<S extends IOStream, T>(io: S, handler: Handler<S, T>, observer: HandlerObserver<T>): Subscription {
  const core = coreOf(io);
  const running = new Subscription();
  const fail = (error: unknown): void => {
    running.unsubscribe();
    io.reset();
    observer.error(error);
  };
  const inner = inlet<T>({
    next: (value) => observer.next?.(value),
    error: fail,
    complete: () => {
      running.unsubscribe();
      io.close();
      observer.complete?.();
    },
    fail,
  });
  running.add(inner);
  running.add(
    core.closing$.subscribe((end) => {
      const goesOn = core.wasInUse || (!('error' in end) && core.reads.wasRead);
      if (core.state !== 'closing' && goesOn) return;
      running.unsubscribe();
      observer.stopped?.(end);
    }),
  );
  if (!inner.closed) defer(() => handler(io)).subscribe(inner);
  return running;
}
