import type { SchedulerLike } from 'rxjs';
import { IOStream, type IOStreamOptions } from '../stream/io-stream.ts';
import type { Handler } from '../stream/run-handler.ts';
import { ServedStreams } from '../stream/served-streams.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import type { Supervisor } from '../stream/supervisor.ts';
import { atTickEnd } from '../util/at-tick-end.ts';
import { markServed } from '../wire/served-wires.ts';
import type { Wire } from '../wire/signal.ts';

/** Makes the streams of the wires that a mux accepts, and serves them, as a `Server` does. */
export class AcceptedStreams extends ServedStreams {
  readonly #options: IOStreamOptions;
  /** Called by streams that took over a wire; they are served already. */
  readonly #successors: Supervisor = {
    unhandled: (error, wasConnected) => this.report(error, wasConnected),
    thrown: (error) => this.report(error),
    upgraded: (successor) => {
      internalsOf(successor as IOStream).errors.supervisor = this.#successors;
    },
  };
  readonly #supervisor: Supervisor = { ...this.#successors, opened: (io) => this.serve(io as IOStream) };

  constructor(options: IOStreamOptions, handler: Handler<never> | undefined) {
    super('mux', handler);
    this.#options = options;
  }

  /** Makes the stream of a wire. Returns false if that fails. */
  add(wire: Wire): boolean {
    try {
      const io = new IOStream({ ...this.#options, wire: markServed(wire) });
      internalsOf(io).errors.supervisor = this.#supervisor;
      return true;
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  /** Completes both Observables: `errors` at the end of the tick, after the errors of the streams that have just failed. */
  complete(scheduler: SchedulerLike): void {
    this.connections.complete();
    atTickEnd(scheduler, () => this.errors.complete());
  }
}
