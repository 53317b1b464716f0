import { Subject, type Observable } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import type { EventMask } from '../events.ts';
import type { IOStream } from './io-stream.ts';
import { noMethod } from './check-callback.ts';
import type { Callback, CallbackTarget, StreamEvent } from './options.ts';

/** The parts of the stream that the notifier reads at each event. */
export interface NotifierHost {
  readonly io: IOStream;
  readonly waitFor: EventMask | undefined;
  readonly cb: Callback | CallbackTarget | undefined;
  readonly method: string;
  readonly onEvent: ((event: StreamEvent) => void) | undefined;
  /** Called when a callback threw: closes the stream. */
  onCallbackThrow(error: unknown): void;
}

/** Reports events and errors to `onEvent`, `cb`, `events$` and `errors$`, in this order, until it is completed. */
export class Notifier {
  readonly #host: NotifierHost;
  #events: Subject<StreamEvent> | undefined;
  #errors: Subject<IOStreamError> | undefined;
  #completed = false;

  constructor(host: NotifierHost) {
    this.#host = host;
  }

  get events$(): Observable<StreamEvent> {
    return (this.#events ??= this.#subject<StreamEvent>());
  }

  get errors$(): Observable<IOStreamError> {
    return (this.#errors ??= this.#subject<IOStreamError>());
  }

  /** Whether one of these events would reach a handler now. */
  wants(mask: EventMask): boolean {
    const { cb, onEvent } = this.#host;
    return onEvent !== undefined || (this.#wanted(mask) !== 0 && (cb !== undefined || this.#events?.observed === true));
  }

  /** Reports events: all to `onEvent`, the wanted ones to `cb` and `events$`. */
  notify(mask: EventMask): void {
    if (this.#completed) return;
    const { io, onEvent } = this.#host;
    // Without closures: this runs several times for each chunk.
    if (onEvent) {
      try {
        onEvent({ io, mask });
      } catch (thrown) {
        this.#host.onCallbackThrow(thrown);
      }
    }
    const wanted = this.#wanted(mask);
    if (wanted === 0) return;
    this.#call(wanted);
    if (this.#events?.observed) this.#events.next({ io, mask: wanted });
  }

  /** Reports an error, independent of `waitFor`. Returns whether it reached a handler. */
  emitError(error: IOStreamError): boolean {
    if (this.#completed) return false;
    const heard = this.#host.cb !== undefined || this.#errors?.observed === true;
    this.#call(0, error);
    this.#errors?.next(error);
    return heard;
  }

  /** Stops all reports, and completes `events$` and `errors$`. */
  complete(): void {
    this.#completed = true;
    this.#events?.complete();
    this.#errors?.complete();
  }

  #wanted(mask: EventMask): EventMask {
    const { waitFor } = this.#host;
    return waitFor === undefined ? mask : mask & waitFor;
  }

  #call(mask: EventMask, error?: IOStreamError): void {
    const { io, cb, method } = this.#host;
    if (cb === undefined || this.#completed) return;
    try {
      const named = (cb as Record<string, unknown>)[method];
      if (typeof named === 'function') (named as Callback).call(cb, io, mask, error);
      else if (typeof cb === 'function') (cb as Callback)(io, mask, error);
      else throw noMethod(cb, method);
    } catch (thrown) {
      this.#host.onCallbackThrow(thrown);
    }
  }

  #subject<T>(): Subject<T> {
    const subject = new Subject<T>();
    if (this.#completed) subject.complete();
    return subject;
  }
}
