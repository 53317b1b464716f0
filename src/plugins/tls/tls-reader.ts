import type { DataSignal, EndSignal } from '../../wire/signal.ts';
import type { UpTarget } from '../../wire/up-target.ts';
import type { LateRefusal } from './late-refusal.ts';

/** Gets the events of a {@link TlsReader}. */
export interface TlsReaderHandler {
  /** Called before the end is emitted, if the wire below ended without close_notify. May close the reader. */
  onTruncated(): void;
  /** Called after the end of the peer has been emitted. */
  completeIfEnded(): void;
  /** Called instead, if the end may be a refusal. */
  fail(cause: Error): void;
}

/**
 * Emits the plaintext of the peer and its end. Buffers what arrives with the last message of the handshake.
 *
 * ```text
 *   TlsEngine ── data, end(close_notify) ──▶ buffer until `open` ──▶ application
 *   wire below ── end ─────────────────────▶ if close_notify is missing ──▶ end(truncated)
 * ```
 */
export class TlsReader {
  readonly #up: UpTarget;
  readonly #handler: TlsReaderHandler;
  #state: 'buffering' | 'open' | 'ended' | 'closed' = 'buffering';
  readonly #buffer: (DataSignal | EndSignal)[] = [];
  #bufferedBytes = 0;
  /** Until the first byte of the peer. */
  #lateRefusal: LateRefusal | undefined;

  constructor(up: UpTarget, handler: TlsReaderHandler) {
    this.#up = up;
    this.#handler = handler;
  }

  /** Starts emitting: the peer is accepted. Has no effect on a closed reader. */
  open(lateRefusal: LateRefusal | undefined): void {
    if (this.#state !== 'buffering') return;
    this.#state = 'open';
    this.#lateRefusal = lateRefusal;
    for (let signal = this.#buffer.shift(); signal; signal = this.#buffer.shift()) {
      if (signal.kind === 'data') this.#bufferedBytes -= signal.bytes.length;
      this.#emit(signal);
    }
  }

  /** Drops everything from now on. */
  close(): void {
    this.#state = 'closed';
  }

  /** Plaintext received before `open`, in bytes. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Whether the end of the peer has been emitted. */
  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Called with decrypted data, and with the end at close_notify. */
  read(signal: DataSignal | EndSignal): void {
    if (this.#state !== 'buffering' && this.#buffer.length === 0) {
      this.#emit(signal);
      return;
    }
    this.#buffer.push(signal);
    if (signal.kind === 'data') this.#bufferedBytes += signal.bytes.length;
  }

  /** Called at the end of the wire below. */
  endOfWire(): void {
    if (this.#state !== 'open') return;
    this.#emitEnd({ kind: 'end', truncated: true });
  }

  #emit(signal: DataSignal | EndSignal): void {
    if (this.#state !== 'open') return;
    if (signal.kind === 'end') {
      this.#emitEnd(signal);
      return;
    }
    this.#lateRefusal?.exclude();
    this.#lateRefusal = undefined;
    this.#up.next(signal);
  }

  #emitEnd(signal: EndSignal): void {
    const refusal = this.#lateRefusal?.endError();
    if (refusal) {
      this.#handler.fail(refusal);
      return;
    }
    this.#lateRefusal?.exclude();
    if (signal.truncated) this.#handler.onTruncated();
    // `onTruncated` may have closed the reader.
    if (this.#isClosed) return;
    this.#state = 'ended';
    this.#up.next(signal);
    this.#handler.completeIfEnded();
  }

  get #isClosed(): boolean {
    return this.#state === 'closed';
  }
}
