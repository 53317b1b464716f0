import { noop, Subscription, type ObservableInput } from 'rxjs';
import { guardedSubscriber, type GuardedObserver } from '../util/guarded-subscriber.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import { subscribeTo } from './subscribe-to.ts';
import type { IOStream } from './io-stream.ts';
import { internalsOf } from './stream-fields.ts';
import type { ReadEnd } from './read-end.ts';

/** Handles a connection. When the returned Observable completes, the connection is closed; when it errors, it is reset. */
export type Handler<S = IOStream, T = unknown> = (io: S) => ObservableInput<T>;

/** Receives the reports of {@link runHandler}. */
export interface HandlerObserver<T> {
  /** Whether the connection stays as it is when the handler completes or errors. @default false: it is closed or reset */
  readonly keepsOpen?: boolean;
  next?(value: T): void;
  /** The handler threw or errored; the connection has been reset, unless `keepsOpen` is set. */
  error(error: unknown): void;
  /** The handler completed; the connection is closing, unless `keepsOpen` is set. */
  complete?(): void;
  /** The handler was unsubscribed: we closed the connection, or it ended while the handler neither read nor sent. */
  stopped?(end: ReadEnd, io: IOStream): void;
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
  const running = new RunningHandler(io, observer);
  running.start(handler as Handler<never, T>);
  return running;
}

/** An active handler: observes what it emits, and the end of its connection. One object instead of a closure for each event. */
export class RunningHandler<T> extends Subscription implements GuardedObserver<T> {
  readonly #io: IOStream;
  readonly #observer: HandlerObserver<T>;

  constructor(io: IOStream, observer: HandlerObserver<T>) {
    super();
    this.#io = io;
    this.#observer = observer;
  }

  start(handler: Handler<never, T>): void {
    const inner = guardedSubscriber<T>(this);
    this.add(inner);
    this.add(internalsOf(this.#io).lifetime.onClosing({ closed: false, next: (end) => this.#onClosing(end), complete: noop }));
    if (!inner.closed) subscribeTo(() => handler(this.#io as never), inner);
  }

  next(value: T): void {
    this.#observer.next?.(value);
  }

  error(error: unknown): void {
    this.unsubscribe();
    if (!this.#observer.keepsOpen) (internalsOf(this.#io).successor ?? this.#io).reset();
    this.#observer.error(error);
  }

  complete(): void {
    this.unsubscribe();
    if (!this.#observer.keepsOpen) this.#io.close();
    this.#observer.complete?.();
  }

  #onClosing(end: ReadEnd): void {
    const { lifetime, reads } = internalsOf(this.#io);
    const goesOn = lifetime.wasInUse || (!('error' in end) && reads.wasRead);
    if (this.closed || (lifetime.state !== 'closing' && goesOn)) return;
    try {
      this.unsubscribe();
    } catch (error) {
      reportUnhandled(error); // A teardown of the handler threw; the connection must still close.
    }
    this.#observer.stopped?.(end, this.#io);
  }
}
