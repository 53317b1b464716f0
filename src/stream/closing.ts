import { IOStreamError } from '../errors.ts';
import { abortError } from './abort.ts';
import type { AwaitedClose } from './awaited-close.ts';
import { publishClosed, publishError } from './connection-diagnostics.ts';
import type { ConnectionParts } from './connection-parts.ts';
import { UNSUBSCRIBED, type ReadEnd } from './read-end.ts';
import type { ReadSide } from './read-side.ts';
import type { ClosedReport } from './report.ts';
import type { WriteSide } from './write-side.ts';

/** The parts that a close ends. */
type ClosingParts = ConnectionParts & { readonly reads: ReadSide; readonly writes: WriteSide };

/**
 * Ends a connection, in each of the ways in which it can end. Every way passes `finish` once: it frees the wire, ends the readers,
 * the sends and the Observables of events, and emits the report.
 */
export class Closing {
  readonly #parts: ClosingParts;
  /** Keeps the process alive during a close that is awaited. */
  awaited: AwaitedClose | undefined;
  /** The owner has unsubscribed: the stream closes at the end of the tick, silently. */
  #leaving = false;
  /** A `send` failed or was unsubscribed midway: the peer has received truncated data. */
  hasCutUpload = false;
  #onAbort: (() => void) | undefined;

  constructor(parts: ClosingParts) {
    this.#parts = parts;
  }

  /** Closes when `signal` aborts. If it already has, calls `defer` with the close. */
  closeOnAbort(signal: AbortSignal, defer: (close: () => void) => void): void {
    this.#onAbort = () => this.close({ error: abortError(signal) });
    if (signal.aborted) defer(this.#onAbort);
    else signal.addEventListener('abort', this.#onAbort);
  }

  /** Ends our direction after the queued bytes, and frees the wire when the peer has ended or `timeouts.close` has passed. */
  close(end: ReadEnd = {}): void {
    const { lifetime } = this.#parts;
    if (!lifetime.isActive) return;
    lifetime.state = 'closing';
    lifetime.endedBy = 'us';
    this.#parts.replayDeferred();
    this.#parts.updateIdleTimer();
    this.#noteActivity();
    this.#completeObservers(end);
    // The active sends have ended, too: reset if one was cut midway.
    if (end.unsubscribed && this.hasCutUpload && !this.#parts.writes.ended) {
      this.reset(undefined, end);
      return;
    }
    // Truncated data must not look complete: readers receive all bytes read before an abort, then its error.
    if ('error' in end) this.#parts.reads.close(end);
    else this.#parts.reads.abandon(end);
    lifetime.checkReadersDone(this.#parts.reads.hasReader);
    if (!lifetime.wasConnected) {
      this.finish('us', end.error, end);
      return;
    }
    this.#parts.writes.flushAll();
    this.#parts.flow.complete();
    this.awaited?.keepAlive();
  }

  /** Frees the wire at once with a RST: the peer learns that the data is truncated. */
  reset(cause?: unknown, end: ReadEnd = cause === undefined ? {} : { error: cause }): void {
    const { lifetime, flow } = this.#parts;
    if (lifetime.state === 'closed' || lifetime.isFailing) return;
    lifetime.state = 'closing';
    lifetime.isFailing = true; // The wire errors with the cause; ignore it.
    this.#noteActivity();
    this.#completeObservers(end);
    flow.error(cause ?? new IOStreamError('ECONNABORTED', { phase: 'close', message: 'the stream was reset by reset()' }));
    this.finish('us', cause, end);
  }

  /**
   * Closes silently at the end of the tick, after the owner has unsubscribed. Resets if a `send` was cut midway.
   *
   * RxJS tears down a source before its inner Observables, and those must not see an end. Readers and sends that remain are
   * unsubscribed without a notification, too.
   */
  leave(): void {
    if (!this.#parts.lifetime.isOpen) return;
    this.#leaving = true;
    this.#parts.requestTick();
  }

  /** Closes if `leave` was called: at the end of the tick, or earlier when the wire emits. */
  leaveIfDue(): void {
    if (!this.#leaving) return;
    this.#leaving = false;
    this.close(UNSUBSCRIBED);
  }

  /** Reports a fatal error to all handlers, then frees everything. */
  fail(error: IOStreamError, isHandled = false): void {
    this.#fail(error, () => this.#parts.errors.emitFatal(error, isHandled));
  }

  /** Fails because a callback threw, unless it has closed the stream before or a fatal error is being reported. */
  failByThrow(error: unknown): void {
    if (this.#parts.lifetime.isActive) this.#fail(error);
  }

  /** @param emit reports the error. It may close the stream. */
  #fail(error: unknown, emit?: () => void): void {
    const { lifetime, errors, flow } = this.#parts;
    lifetime.isFailing = true;
    publishError(this.#parts, error, true);
    emit?.();
    if (lifetime.state === 'closed') return;
    flow.error(error);
    this.finish('error', error, { error });
    if (errors.isUnhandled) this.#parts.requestTick();
  }

  finish(by: ClosedReport['by'], error: unknown, end: ReadEnd): void {
    const { lifetime, settings, errors } = this.#parts;
    if (lifetime.state === 'closed') return;
    this.#noteActivity();
    lifetime.state = 'closed';
    if (by !== 'upgraded') this.#parts.free();
    if (this.#onAbort) settings.signal?.removeEventListener('abort', this.#onAbort);
    lifetime.makeReport(by, error, this.#parts.writes.sent, this.#parts.writes.pending, settings.scheduler.now());
    this.#parts.writes.stop();
    this.#parts.updateIdleTimer();
    this.#parts.reads.close(end);
    this.#completeObservers(end);
    this.awaited?.release();
    if (this.awaited?.isAwaited) errors.markHandled();
    publishClosed(this.#parts, lifetime.report);
    errors.supervisor.closed?.(this.#parts.io, by);
    lifetime.emitClosed();
    lifetime.checkReadersDone(this.#parts.reads.hasReader);
  }

  /** Notes whether a reader or a send is active as the stream ends. */
  #noteActivity(): void {
    this.#parts.lifetime.wasInUse ||= this.#parts.reads.hasReader || this.#parts.sendCount > 0;
  }

  /** Completes the Observables of events, and emits on `closing$`. */
  #completeObservers(end: ReadEnd): void {
    this.#parts.lifetime.end ??= end;
    this.#parts.notifier.complete();
    this.#parts.lifetime.emitClosing();
  }
}
