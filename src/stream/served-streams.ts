import { config, Subject, type Subscription } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import type { IOStream } from './io-stream.ts';
import { runHandler, type Handler, type HandlerObserver } from './run-handler.ts';
import { internalsOf } from './stream-fields.ts';

/** Serves accepted streams, for a server and for a mux: emits them, runs their handler, and reports their errors. */
export class ServedStreams {
  readonly connections: Subject<unknown> = new Subject();
  readonly errors: Subject<unknown> = new Subject();
  readonly #caller: string;
  // `never`, so that a server of streams with own fields is assignable to `Server`.
  readonly #handler: Handler<never> | undefined;
  /** Active handlers; some outlive their streams. */
  readonly #running = new Set<Subscription>();
  readonly #observer: HandlerObserver<unknown> = {
    error: (error) => this.report(error),
    // Only a reset with a cause is reported here, such as a relay's reset. A failure of the stream reaches the supervisor.
    stopped: (end, { state }) => {
      if ('error' in end && state === 'closing') this.report(end.error);
    },
  };

  /** @param caller the function whose handler it is, for messages. */
  constructor(caller: string, handler: Handler<never> | undefined) {
    this.#caller = caller;
    this.#handler = handler;
  }

  /** Whether accepted streams are used. */
  get isWanted(): boolean {
    return this.#handler !== undefined || this.connections.observed;
  }

  /** Called when a stream is open. */
  serve(io: IOStream): void {
    if (this.connections.observed) this.connections.next(io);
    else if (!this.#handler) io.close(); // No reader can ever be attached.
    if (!this.#handler || !internalsOf(io).lifetime.isActive) return;
    const running = runHandler(io as never, this.#handler, this.#observer);
    this.#running.add(running);
    running.add(() => this.#running.delete(running));
  }

  /** Reports an error of a stream or of its handler. Without a subscriber, one that is not serious is ignored. */
  report(error: unknown, isSerious = true): void {
    if (this.errors.observed) this.errors.next(error);
    else if (!isSerious) return;
    else if (config.onUnhandledError) reportUnhandled(error);
    else if (!(error instanceof IOStreamError)) warn(error instanceof Error ? error : this.#toError(error));
  }

  /** Unsubscribes all handlers. */
  stop(): void {
    for (const handler of this.#running) handler.unsubscribe();
  }

  #toError(thrown: unknown): Error {
    return new Error(`a handler of ${this.#caller} threw ${String(thrown)}`);
  }
}

/** Reports a bug in a handler as a warning of the process: it must not end the other streams. Where there is none, throws it later. */
function warn(error: Error): void {
  const { emitWarning = reportUnhandled } = (globalThis as { process?: { readonly emitWarning?: (warning: Error) => void } }).process ?? {};
  emitWarning(error);
}
