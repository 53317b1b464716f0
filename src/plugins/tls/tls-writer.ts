import type { TLSSocket } from 'node:tls';
import { Ledger } from '../../layers/ledger.ts';
import type { LayerContext } from '../../wire/layer.ts';
import { PAUSE, RESUME } from '../../wire/signal.ts';
import type { TlsOutput } from './tls-output.ts';
import { isNode } from './tls-runtime.ts';

/** The maximum plaintext passed to TLS at a time. Its ciphertext is the most that a paused wire below may still receive. */
const MAX_BATCH = 256 * 1024;
/** The application is paused when this much of its plaintext is queued, and resumed at half of it. */
const MAX_QUEUED = 256 * 1024;

/**
 * Queues plaintext for TLS until the handshake ends and passes it in batches. Reports it as `sent` when its ciphertext has been sent.
 *
 * ```text
 *   write ──▶ queue ── a batch at a time ──▶ TLSSocket ──▶ writeCiphertext ──▶ wire below
 *   sent(plaintext) ◀───────────── ledger ◀────────────────── sent(ciphertext) ◀── wire below
 * ```
 */
export class TlsWriter implements TlsOutput {
  /** Called once or twice after all queued bytes and close_notify have been written. */
  readonly onFlushed: () => void;
  readonly #ports: LayerContext;
  /** The TLS socket, after the handshake. */
  #socket: TLSSocket | undefined;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  readonly #ledger = new Ledger();
  #isWriting = false;
  #isEnding = false;
  #isFlushing = false;
  #isWirePaused = false;
  #isAppPaused = false;

  constructor(ports: LayerContext, onFlushed: () => void) {
    this.#ports = ports;
    this.onFlushed = onFlushed;
  }

  /** Starts writing: the peer is accepted. */
  open(socket: TLSSocket): void {
    this.#socket = socket;
    this.#pump();
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#pump();
    this.#updateFlow();
  }

  /** Sends close_notify after the queued bytes. */
  end(): void {
    this.#isEnding = true;
    this.#pump();
  }

  /**
   * Does the same as `end`, but also writes queued bytes while the wire is paused. Their number is limited, and the wire below needs
   * all of them to apply the close timeout.
   */
  flush(): void {
    this.#isFlushing = true;
    this.end();
  }

  /** Whether the application has ended its side. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Called when the wire below pauses or resumes. */
  setPaused(isPaused: boolean): void {
    this.#isWirePaused = isPaused;
    if (!isPaused) this.#pump();
    this.#updateFlow();
  }

  /** Passes the queued plaintext, and the end, to another output. */
  moveTo(output: TlsOutput): void {
    for (const bytes of this.#queue.splice(0)) output.write(bytes);
    if (this.#isEnding) output.end();
  }

  /** Writes ciphertext of any kind to the wire below. */
  writeCiphertext(bytes: Uint8Array): void {
    this.#ledger.produced += bytes.length;
    this.#ports.down.next({ kind: 'data', bytes });
  }

  /** Counts ciphertext that the wire below has sent. */
  sent(bytes: number): void {
    const plaintext = this.#ledger.sent(bytes);
    if (plaintext > 0) this.#ports.up.next({ kind: 'sent', bytes: plaintext });
  }

  #pump(): void {
    const socket = this.#socket;
    if (!socket || this.#isWriting || (this.#isWirePaused && !this.#isFlushing)) return;
    const batch = this.#takeBatch();
    const last = batch.pop();
    if (last) {
      this.#isWriting = true;
      const bytes = batch.reduce((sum, chunk) => sum + chunk.length, last.length);
      socket.cork();
      for (const chunk of batch) socket.write(chunk);
      socket.write(last, (error) => this.#onBatchWritten(error ? 0 : bytes));
      socket.uncork();
    } else if (this.#isEnding && !socket.writableEnded) {
      const { produced } = this.#ledger;
      socket.end();
      // Nothing was pending before, so what was written now is close_notify. Otherwise the transport reports it, turns later.
      if (this.#ledger.produced > produced) this.onFlushed();
      // Deno writes close_notify later, and does not end the transport.
      else if (!isNode) socket.once('finish', () => this.onFlushed());
    }
  }

  #takeBatch(): Uint8Array[] {
    let room = MAX_BATCH;
    let count = 0;
    for (const { length } of this.#queue) {
      if (length > room) break;
      room -= length;
      count += 1;
    }
    const batch = this.#queue.splice(0, count);
    const [long] = this.#queue;
    if (count === 0 && long) {
      batch.push(long.subarray(0, MAX_BATCH));
      this.#queue[0] = long.subarray(MAX_BATCH);
      room = 0;
    }
    this.#queuedBytes -= MAX_BATCH - room;
    return batch;
  }

  /**
   * TLS calls back after all ciphertext of the batch has been written, and nothing of the next batch or of close_notify. So the
   * ciphertext written so far contains exactly the plaintext passed so far.
   */
  #onBatchWritten(bytes: number): void {
    this.#isWriting = false;
    this.#ledger.consumed += bytes;
    this.#ledger.settle();
    this.sent(0);
    this.#pump();
    this.#updateFlow();
  }

  #updateFlow(): void {
    const limit = this.#isAppPaused ? MAX_QUEUED / 2 : MAX_QUEUED - 1;
    const pause = this.#isWirePaused || this.#queuedBytes > limit;
    if (pause === this.#isAppPaused) return;
    this.#isAppPaused = pause;
    this.#ports.up.next(pause ? PAUSE : RESUME);
  }
}
