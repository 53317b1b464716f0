import { ECLOSED, type IOStreamError } from '../errors.ts';
import { publishError, type Diagnosed } from './connection-diagnostics.ts';
import type { FailureTarget } from './failure-target.ts';
import type { Lifetime } from './lifetime.ts';
import type { Notifier } from './notifier.ts';
import type { StreamSettings } from './settings.ts';
import { UNSUPERVISED, type Supervisor } from './supervisor.ts';

/** The error of a rejected call. */
interface LaterError {
  readonly error: IOStreamError;
  readonly fatal: boolean;
}

/** The parts that an error concerns. */
type ErrorParts = FailureTarget &
  Diagnosed & { readonly settings: StreamSettings; readonly lifetime: Lifetime; readonly notifier: Notifier };

/** Decides what an error does: whether it is fatal, and who reports it if no handler has received it. */
export class ErrorPolicy {
  readonly #parts: ErrorParts;
  /** Handles what no handler of the user receives. */
  supervisor: Supervisor = UNSUPERVISED;
  /** Whether an Observable of this library emits the fatal error to its subscriber. */
  handled = false;
  /** A fatal error that has reached no handler so far. */
  #unhandled: IOStreamError | undefined;
  /** Reported at the end of the tick, one for each code. */
  #later: LaterError[] | undefined;

  constructor(parts: ErrorParts) {
    this.#parts = parts;
  }

  /**
   * Reports an error to the handlers of the stream. A fatal one ends the connection.
   *
   * @param isHandled whether the caller reports the error, too.
   */
  report(error: IOStreamError, isHandled = false): void {
    if (!this.#parts.lifetime.isActive) return;
    if (this.#isFatal(error)) this.#parts.fail(error, isHandled);
    else {
      publishError(this.#parts, error, false);
      this.#parts.notifier.emitError(error);
    }
  }

  /** Keeps the error of a rejected call until {@link reportKept}, at the end of the caller's tick. */
  keep(error: IOStreamError, fatal: boolean): void {
    const later = (this.#later ??= []);
    if (!later.some((each) => each.error.code === error.code && each.fatal === fatal)) later.push({ error, fatal });
  }

  reportKept(): void {
    const later = this.#later;
    if (!later) return;
    this.#later = undefined;
    for (const { error, fatal } of later) {
      if (fatal && this.#parts.lifetime.isActive) this.#parts.fail(error);
      else this.report(error);
    }
  }

  /** Emits a fatal error, and notes whether it has reached a handler. */
  emitFatal(error: IOStreamError, isHandled: boolean): void {
    this.#unhandled = isHandled || this.handled ? undefined : error;
    if (this.#parts.notifier.emitError(error)) this.#unhandled = undefined;
  }

  /** Whether a fatal error has reached no handler so far. */
  get isUnhandled(): boolean {
    return this.#unhandled !== undefined;
  }

  /** Marks the fatal error as handled. */
  markHandled(): void {
    this.#unhandled = undefined;
  }

  /** Returns the fatal error that has reached no handler so far; the caller must handle it. */
  takeUnhandled(): IOStreamError | undefined {
    const error = this.#unhandled;
    this.#unhandled = undefined;
    return error;
  }

  /** Reports the fatal error to the supervisor. Without one the error is kept for the next read, send or `closed$`. */
  reportUnhandled(): void {
    if (!this.#unhandled || !this.supervisor.unhandled) return;
    const error = this.#unhandled;
    this.#unhandled = undefined;
    this.supervisor.unhandled(error, this.#parts.lifetime.wasConnected);
  }

  #isFatal(error: IOStreamError): boolean {
    if (error.code === ECLOSED) return false;
    const { isFatal, waitFor } = this.#parts.settings;
    if (!isFatal) return waitFor === undefined || error.fatal;
    try {
      return isFatal(error) && this.#parts.lifetime.isActive; // It may have closed the stream.
    } catch (thrown) {
      this.#parts.onCallbackThrow(thrown);
      return false;
    }
  }
}
