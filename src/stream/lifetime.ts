import { Observable, Subject, type Unsubscribable } from 'rxjs';
import { OnceEmitter, type OnceTarget } from '../util/once-emitter.ts';
import type { ReadEnd } from './read-end.ts';
import { ClosedReport } from './closed-report.ts';
import type { StreamState } from './report.ts';

/**
 * Holds the state of a connection, and emits each step of it once. Late subscribers of `closing$`, `eof$` and `closed$` get the step
 * replayed.
 *
 * ```text
 *   opening ── connected ──▶ open ── close() ──▶ closing ── handle is freed ──▶ closed
 *      └──────────── error, reset(), both directions ended ───────────────────────▲
 * ```
 */
export class Lifetime {
  state: StreamState = 'opening';
  /** A fatal error is being reported; the wire can no longer be used. */
  isFailing = false;
  /** The peer has ended its direction. */
  hasEof = false;
  /** Whether a reader or a send was active when the stream closed. It receives the end and may still act on it. */
  wasInUse = false;
  /** How the stream ended for its readers and sends. */
  end: ReadEnd | undefined;
  /** Who ended the stream first. */
  endedBy: 'us' | 'peer' | undefined;
  /** Facts that the wire has reported about the peer's end. */
  endFacts: Readonly<Record<string, unknown>> | undefined;
  /** Bytes that were read. */
  bytesIn = 0;
  /** Set when the state becomes 'closed'. */
  report: ClosedReport | undefined;
  /** When the stream was created, in milliseconds on the clock of its scheduler. */
  declare readonly startedAt: number;
  #connectedAt: number | undefined;
  #opened: Subject<void> | undefined;
  #eof: Subject<void> | undefined;
  #closing: OnceEmitter<ReadEnd> | undefined;
  #closed: OnceEmitter<ClosedReport> | undefined;
  /** Called when the stream has ended and every reader has received the end. */
  #onReadersDone: (() => void) | undefined;

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  get isOpen(): boolean {
    return this.state === 'opening' || this.state === 'open';
  }

  /** Whether the stream notifies the user and accepts calls. */
  get isActive(): boolean {
    return this.isOpen && !this.isFailing;
  }

  get wasConnected(): boolean {
    return this.#connectedAt !== undefined;
  }

  /** Emits when the stack is connected and CONNECTED was reported. */
  get opened$(): Observable<void> {
    return (this.#opened ??= new Subject());
  }

  /** Emits once when the peer's EOF has arrived. */
  get eof$(): Observable<void> {
    return new Observable((out) => {
      if (this.hasEof) out.next();
      if (this.hasEof || this.state === 'closed') out.complete();
      else out.add((this.#eof ??= new Subject()).subscribe(out));
    });
  }

  /**
   * Emits once when the stream no longer notifies the user. The state is then 'closing' if we closed the stream and its handle is
   * not freed yet, otherwise 'closed'.
   */
  get closing$(): Observable<ReadEnd> {
    return this.#ending.value$;
  }

  /** Subscribes to `closing$` without an Observable: each connection of a server does. */
  onClosing(target: OnceTarget<ReadEnd>): Unsubscribable | undefined {
    return this.#ending.add(target);
  }

  get #ending(): OnceEmitter<ReadEnd> {
    return (this.#closing ??= new OnceEmitter(this.end));
  }

  /** Emits once when the handle is freed. */
  get closed$(): Observable<ClosedReport> {
    return (this.#closed ??= new OnceEmitter(this.report)).value$;
  }

  connected(now: number): void {
    this.#connectedAt = now;
    if (this.state === 'opening') this.state = 'open';
  }

  emitOpened(): void {
    this.#opened?.next();
    this.#opened?.complete();
  }

  emitEof(): void {
    this.hasEof = true;
    this.#eof?.next();
    this.#eof?.complete();
  }

  /** Emits {@link end} on `closing$`. */
  emitClosing(): void {
    this.#opened?.complete();
    if (this.end) this.#closing?.emit(this.end);
  }

  /** Makes the report of the closed stream. `emitClosed` emits it, after the readers have received the end. */
  makeReport(by: ClosedReport['by'], error: unknown, bytesOut: number, unsent: number, now: number): void {
    const { endFacts: facts, bytesIn, startedAt } = this;
    const connectedAt = this.#connectedAt;
    this.report = new ClosedReport({ by, error, facts, bytesIn, bytesOut, unsent, startedAt, connectedAt, closedAt: now });
  }

  emitClosed(): void {
    this.#eof?.complete();
    if (this.report) this.#closed?.emit(this.report);
  }

  /** Calls `work` when the stream has ended and every reader has received the end; at once if there are no readers. */
  whenReadersDone(work: () => void): void {
    this.#onReadersDone = work;
  }

  /** @param hasReader whether a reader has not received the end yet. */
  checkReadersDone(hasReader: boolean): void {
    if (!this.end || hasReader) return;
    const done = this.#onReadersDone;
    this.#onReadersDone = undefined;
    done?.();
  }
}
