import { config, Subject, type SchedulerLike } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { IOStream, type IOStreamOptions } from '../stream/io-stream.ts';
import { runHandler, type Handler, type HandlerObserver } from '../stream/run-handler.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import type { Supervisor } from '../stream/supervisor.ts';
import { atTickEnd } from '../util/at-tick-end.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import type { Wire } from '../wire/signal.ts';

/** Makes the streams of the wires that a mux accepts, runs their handlers, and reports their errors, as a `Server` does. */
export class AcceptedStreams {
  readonly connections: Subject<unknown> = new Subject();
  readonly errors: Subject<unknown> = new Subject();
  readonly #options: IOStreamOptions;
  readonly #handler: Handler<never> | undefined;
  readonly #handlerObserver: HandlerObserver<unknown> = {
    error: (error) => this.#report(error),
    // Only a reset with a cause is reported here, such as a relay's reset. A failure of the stream reaches the supervisor.
    stopped: (end, { state }) => {
      if ('error' in end && state === 'closing') this.#report(end.error);
    },
  };
  /** Called by streams that took over a wire; they are served already. */
  readonly #successors: Supervisor = {
    unhandled: (error, wasConnected) => this.#report(error, wasConnected),
    thrown: (error) => this.#report(error),
    upgraded: (successor) => {
      internalsOf(successor as IOStream).errors.supervisor = this.#successors;
    },
  };
  readonly #supervisor: Supervisor = { ...this.#successors, opened: (io) => this.#serve(io as IOStream) };

  constructor(options: IOStreamOptions, handler: Handler<never> | undefined) {
    this.#options = options;
    this.#handler = handler;
  }

  /** Whether accepted streams are used. */
  get isWanted(): boolean {
    return this.#handler !== undefined || this.connections.observed;
  }

  /** Makes the stream of a wire. Returns false if that fails. */
  add(wire: Wire): boolean {
    try {
      const io = new IOStream({ ...this.#options, wire });
      internalsOf(io).errors.supervisor = this.#supervisor;
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  /** Completes both Observables: `errors` at the end of the tick, after the errors of the streams that have just failed. */
  complete(scheduler: SchedulerLike): void {
    this.connections.complete();
    atTickEnd(scheduler, () => this.errors.complete());
  }

  #serve(io: IOStream): void {
    if (this.connections.observed) this.connections.next(io);
    else if (!this.#handler) io.close(); // No reader can ever be attached.
    if (!this.#handler || !internalsOf(io).lifetime.isActive) return;
    runHandler(io as never, this.#handler, this.#handlerObserver);
  }

  #report(error: unknown, isSerious = true): void {
    if (this.errors.observed) this.errors.next(error);
    else if (!isSerious) return;
    else if (config.onUnhandledError) reportUnhandled(error);
    else if (!(error instanceof IOStreamError)) warn(error);
  }
}

/** Reports a bug in a handler as a warning of the process: it must not end the other streams. Where there is none, throws it. */
function warn(thrown: unknown): void {
  const { emitWarning = reportUnhandled } = (globalThis as { process?: { readonly emitWarning?: (warning: Error) => void } }).process ?? {};
  emitWarning(thrown instanceof Error ? thrown : new Error(`a handler of mux threw ${String(thrown)}`));
}
