import type { Observable } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import type { EventMask } from '../events.ts';
import { Emitter } from '../util/emitter.ts';
import { noMethod } from './check-callback.ts';
import type { FailureTarget } from './failure-target.ts';
import type { Lifetime } from './lifetime.ts';
import type { CallbackOf, StreamEventOf } from './options.ts';
import type { StreamSettings } from './settings.ts';

/** The parts that decide which events are reported; `io` is the stream that callbacks get. */
type NotifierParts = FailureTarget & { readonly io: object; readonly settings: StreamSettings; readonly lifetime: Lifetime };

/** Reports events and errors to `onEvent`, `cb`, `events$` and `errors$`, in this order, until it is completed. */
export class Notifier {
  readonly #parts: NotifierParts;
  #events: Emitter<StreamEventOf<object>> | undefined;
  #errors: Emitter<IOStreamError> | undefined;
  #completed = false;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  get events$(): Observable<StreamEventOf<object>> {
    return (this.#events ??= this.#emitter<StreamEventOf<object>>()).values$;
  }

  get errors$(): Observable<IOStreamError> {
    return (this.#errors ??= this.#emitter<IOStreamError>()).values$;
  }

  /** Whether one of these events would reach a handler now. */
  wants(mask: EventMask): boolean {
    const { cb, onEvent } = this.#parts.settings;
    return onEvent !== undefined || (this.#wanted(mask) !== 0 && (cb !== undefined || this.#events?.isEmpty === false));
  }

  /** Reports events of an active stream: all to `onEvent`, the wanted ones to `cb` and `events$`. */
  notify(mask: EventMask): void {
    if (!this.#parts.lifetime.isActive) return;
    const { onEvent } = this.#parts.settings;
    const io = this.#parts.io as never;
    // Without closures: this runs several times for each chunk.
    if (onEvent) {
      try {
        onEvent({ io, mask });
      } catch (thrown) {
        this.#parts.onCallbackThrow(thrown);
      }
    }
    const wanted = this.#wanted(mask);
    if (wanted === 0) return;
    this.#call(wanted);
    if (this.#events?.isEmpty === false) this.#events.emit({ io, mask: wanted });
  }

  /** Reports an error, independent of `waitFor`. Returns whether it reached a handler. */
  emitError(error: IOStreamError): boolean {
    if (this.#completed) return false;
    const isHandled = this.#parts.settings.cb !== undefined || this.#errors?.isEmpty === false;
    this.#call(0, error);
    this.#errors?.emit(error);
    return isHandled;
  }

  /** Stops all reports, and completes `events$` and `errors$`. */
  complete(): void {
    this.#completed = true;
    this.#events?.complete();
    this.#errors?.complete();
  }

  #wanted(mask: EventMask): EventMask {
    const { waitFor } = this.#parts.settings;
    return waitFor === undefined ? mask : mask & waitFor;
  }

  #call(mask: EventMask, error?: IOStreamError): void {
    const { cb, method } = this.#parts.settings;
    if (cb === undefined || this.#completed) return;
    const io = this.#parts.io as never;
    try {
      const named = (cb as Record<string, unknown>)[method];
      if (typeof named === 'function') (named as CallbackOf<never>).call(cb, io, mask, error);
      else if (typeof cb === 'function') (cb as CallbackOf<never>)(io, mask, error);
      else throw noMethod(cb, method);
    } catch (thrown) {
      this.#parts.onCallbackThrow(thrown);
    }
  }

  #emitter<T>(): Emitter<T> {
    const emitter = new Emitter<T>();
    if (this.#completed) emitter.complete();
    return emitter;
  }
}
