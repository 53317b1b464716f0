import type { Observable } from 'rxjs';
import { EINBUFLIMIT } from '../errors.ts';
import { EOF, IN } from '../events.ts';
import { ByteBuffer, prepend } from '../protocol/byte-buffer.ts';
import { PAUSE, RESUME } from '../wire/signal.ts';
import { asBytes, type Bytes } from './bytes.ts';
import { publishLimit, publishPaused } from './connection-diagnostics.ts';
import type { ConnectionParts } from './connection-parts.ts';
import { DataReaders, type ReadersOwner } from './data-readers.ts';
import type { PullReader } from './pull-reader.ts';
import type { ReadEnd } from './read-end.ts';
import { missingOption, readLimitError } from './read-limits.ts';

/** The buffer of all streams that have no unread bytes yet; always empty. */
const NO_UNREAD = /* @__PURE__ */ new ByteBuffer();

/** Holds the inbound direction: the unread bytes (`inBuf`), the readers, and the flow control of the wire. */
export class ReadSide implements ReadersOwner {
  readonly #parts: ConnectionParts;
  /** Created with the first unread bytes: most chunks go to `data$` as received. */
  #buffer = NO_UNREAD;
  readonly #readers = new DataReaders(this);
  #puller: PullReader | undefined;
  /** Whether a reader was ever attached; such a reader receives the end. */
  wasRead = false;
  /** Depth of emissions in progress. Bytes or an end that arrive meanwhile must not overtake them. */
  #dispatching = 0;
  /** The first drain of `data$` is due at the end of the tick, so that all subscribers of a tick receive the same chunks. */
  #drainDue = false;
  #flowing = true;
  #userPaused = false;
  /** EINBUFLIMIT was reported, and the user has not reacted yet. */
  #isAtLimit = false;
  #end: ReadEnd | undefined;
  /** Closed by us: bytes that remain in the buffer are no longer emitted. */
  #abandoned = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  // The buffer and the pause of the user

  /** Number of unread bytes. */
  get unread(): number {
    return this.#buffer.length;
  }

  get buffer(): Bytes {
    return asBytes(this.#buffer.view());
  }

  assign(bytes: Bytes): void {
    this.#ownBuffer().assign(bytes);
    this.clearLimit();
  }

  /** Removes and returns bytes, all of them by default. */
  take(count: number = this.#buffer.length): Bytes {
    const taken = asBytes(this.#buffer.take(count));
    this.clearLimit();
    return taken;
  }

  /** Clears a reached limit: reading resumes at the end of the tick. */
  clearLimit(): void {
    this.#isAtLimit = false;
    this.#parts.requestTick();
  }

  pause(): void {
    this.#userPaused = true;
    this.updateFlowControl();
  }

  resume(): void {
    this.#userPaused = false;
    this.#parts.requestTick();
  }

  /** Whether the user or a slow reader has paused the wire. A full buffer without a reader does not count. */
  get isPaused(): boolean {
    return !this.#flowing && (this.#userPaused || this.hasReader);
  }

  // Readers

  get data$(): Observable<Bytes> {
    return this.#readers.data$;
  }

  /** Whether a pull reader is attached; it has not received the end yet. */
  get isPulled(): boolean {
    return this.#puller !== undefined;
  }

  /** Whether a subscriber of `data$` or a pull reader is attached. */
  get hasReader(): boolean {
    return this.#puller !== undefined || !this.#readers.isEmpty;
  }

  /** Whether an error would reach a handler through one of the readers. */
  get isErrorHandled(): boolean {
    return !this.#readers.isEmpty || (this.#puller !== undefined && this.#puller.isErrorHandled?.() !== false);
  }

  readerAdded(): void {
    this.wasRead = true;
    this.#drainDue = true;
    this.#parts.requestTick();
  }

  readerEnded(end: ReadEnd): void {
    this.wasRead = true;
    if ('error' in end) this.#parts.errors.markHandled();
  }

  readerLeft(): void {
    this.#parts.lifetime.checkReadersDone(this.hasReader);
    this.#parts.requestTick();
  }

  /** Attaches a pull reader. Returns the function that detaches it, or `undefined` if another one is attached. */
  attach(puller: PullReader): (() => void) | undefined {
    if (this.#puller && this.#puller.hasEnded?.() !== true) return undefined;
    this.#puller = puller;
    this.wasRead = true;
    this.#parts.requestTick();
    return () => {
      if (this.#puller !== puller) return;
      this.#puller = undefined;
      this.readerLeft();
    };
  }

  /** Returns the end for a reader that delivers it; marks its error as handled. */
  takeEnd(): ReadEnd | undefined {
    const { end } = this;
    if (end && 'error' in end) this.#parts.errors.markHandled();
    return end;
  }

  /** The next chunk for a pull reader, if it is as received and no other reader has seen or will see it. */
  get exclusiveChunk(): Uint8Array | undefined {
    return this.#readers.isEmpty ? this.#buffer.exclusiveChunk : undefined;
  }

  /** Returns the next chunk for a pull reader, and emits it on `data$`. */
  pull(): Bytes | undefined {
    const chunk = this.pullUnobserved();
    if (chunk) this.publish(chunk);
    return chunk;
  }

  /** Returns the next chunk for a pull reader, without `data$`: the reader calls `publish` with the bytes that it keeps. */
  pullUnobserved(): Bytes | undefined {
    if (this.#buffer.length === 0 || this.#userPaused || this.#abandoned) return undefined;
    const chunk = asBytes(this.#buffer.take(this.#buffer.length));
    this.#dispatching += 1;
    this.updateFlowControl();
    this.#dispatching -= 1;
    return chunk;
  }

  /** Emits on `data$`: bytes as received, or those that a pull reader keeps. */
  publish(bytes: Uint8Array): void {
    this.#dispatching += 1;
    this.#readers.emit(asBytes(bytes));
    this.#dispatching -= 1;
  }

  /** Prepends bytes that a pull reader read and did not use. */
  unshift(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    prepend(this.#ownBuffer(), bytes);
    this.#parts.requestTick();
  }

  /** How reading ended; `undefined` until all bytes before the end have been read. */
  get end(): ReadEnd | undefined {
    return this.#buffer.length === 0 || this.#abandoned ? this.#end : undefined;
  }

  #ownBuffer(): ByteBuffer {
    if (this.#buffer === NO_UNREAD) this.#buffer = new ByteBuffer();
    return this.#buffer;
  }

  // Inbound bytes and their end

  push(bytes: Uint8Array): void {
    const { notifier, errors } = this.#parts;
    const chunk = asBytes(bytes);
    // Fast path: emit the chunk as received. Passing through the buffer makes bulk transfers 5 % slower.
    if (this.#isUnbuffered() && !notifier.wants(IN)) {
      this.publish(chunk);
      return;
    }
    const buffer = this.#ownBuffer();
    buffer.appendBriefly(chunk, true);
    // Checked before IN is reported: changes made by the callback apply from the next read on.
    const error = this.hasReader ? undefined : readLimitError(this.#parts.settings, this.#buffer.length);
    if (error?.code === EINBUFLIMIT) this.#reachLimit();
    notifier.notify(IN);
    if (error) errors.report(error);
    this.pump();
    buffer.compact();
  }

  #reachLimit(): void {
    this.#isAtLimit = true;
    publishLimit(this.#parts, 'inBufLimit', this.#parts.settings.inBufLimit ?? 0, this.#buffer.length);
  }

  /** Ends reading at the peer's EOF. */
  finish(): void {
    this.#end ??= {};
    this.#parts.notifier.notify(EOF);
    this.pump();
  }

  /** Closes: readers receive the remaining bytes, then this end. */
  close(end: ReadEnd): void {
    this.#end ??= end;
    this.#userPaused = false;
    this.#deliver();
  }

  /** Closes by our own call: readers receive the end at once, without the remaining bytes. */
  abandon(end: ReadEnd): void {
    this.#abandoned = true;
    this.#end = end;
    this.close(end);
  }

  /** Delivers buffered bytes and the end to the readers, then pauses or resumes the wire. */
  pump(): void {
    this.#deliver();
    this.updateFlowControl();
  }

  updateFlowControl(): void {
    const flowing = this.#isWanted();
    if (flowing === this.#flowing || this.#end) return;
    this.#flowing = flowing;
    if (flowing) this.#parts.idle?.touch();
    publishPaused(this.#parts, 'in', !flowing);
    this.#parts.flow.next(flowing ? RESUME : PAUSE);
  }

  /** Whether a chunk may go to `data$` as received: nothing is buffered before it, and no other reader has to see it first. */
  #isUnbuffered(): boolean {
    return (
      this.#buffer.length === 0 &&
      !this.#readers.isEmpty &&
      this.#dispatching === 0 &&
      !this.#puller &&
      !this.#drainDue &&
      !this.#userPaused
    );
  }

  /** Whether to read on from the wire. */
  #isWanted(): boolean {
    if (this.#userPaused || this.#isAtLimit) return false;
    const { waitFor, inBufLimit, highWaterMark } = this.#parts.settings;
    const isUnread = this.#readers.isEmpty && (waitFor === undefined || missingOption(waitFor, inBufLimit) !== undefined);
    return !(isUnread || this.#puller) || this.#buffer.length < highWaterMark;
  }

  #deliver(): void {
    if (this.#dispatching > 0 && !this.#abandoned) {
      this.#parts.requestTick();
      return;
    }
    // The pull reader first: bytes that it puts back come before the end.
    if (this.#buffer.length > 0 || this.#end) this.#puller?.ready();
    this.#drainDue = false;
    if (this.#userPaused) return;
    if (!this.#abandoned && !this.#puller && !this.#readers.isEmpty && this.#buffer.length > 0)
      this.publish(this.#buffer.take(this.#buffer.length));
    if (this.end) this.#readers.end(this.end);
  }
}
