import type { TLSSocket } from 'node:tls';
import type { Subscriber } from 'rxjs';
import { PAUSE, RESUME, type Up } from '../../wire/signal.ts';
import { Ledger } from '../../layers/ledger.ts';

/** The maximum plaintext passed to TLS at a time. Its ciphertext is the most that a paused wire below may still receive. */
const BATCH = 256 * 1024;
/** The application is paused when this much of its plaintext is queued, and resumed at half of it. */
const MAX_HELD = 256 * 1024;

/**
 * Queues plaintext for TLS until the handshake ends and passes it in batches. Reports it as `sent` when its ciphertext has been sent.
 *
 * ```text
 *   give ──▶ queue ── a batch at a time ──▶ TLSSocket ──▶ made(ciphertext) ──▶ wire below
 *   sent(plaintext) ◀───────────── ledger ◀─────────────────── left(ciphertext) ◀── wire below
 * ```
 */
export class TlsWriter {
  readonly #up: Subscriber<Up>;
  readonly #onFlushed: () => void;
  #socket: TLSSocket | undefined;
  readonly #queue: Uint8Array[] = [];
  #held = 0;
  #writing = false;
  #ending = false;
  #flushing = false;
  #pausedBelow = false;
  #pausedAbove = false;
  readonly #ledger = new Ledger();

  /** @param said called once or twice after all queued bytes and close_notify have been written. */
  constructor(up: Subscriber<Up>, said: () => void) {
    this.#up = up;
    this.#onFlushed = said;
  }

  /** Starts writing: the handshake is complete. */
  open(socket: TLSSocket): void {
    this.#socket = socket;
    this.#pump();
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#held += bytes.length;
    this.#pump();
    this.#regulate();
  }

  /** Sends close_notify after the queued bytes. */
  end(): void {
    this.#ending = true;
    this.#pump();
  }

  /**
   * Does the same as `end`, but also writes queued bytes while the wire is paused. Their number is limited, and the wire below needs
   * all of them to apply the close timeout.
   */
  flush(): void {
    this.#flushing = true;
    this.end();
  }

  /** Whether the application has ended its side. */
  get isEnding(): boolean {
    return this.#ending;
  }

  /** Called when the wire below pauses or resumes. */
  hold(paused: boolean): void {
    this.#pausedBelow = paused;
    if (!paused) this.#pump();
    this.#regulate();
  }

  /** Counts ciphertext of any kind that was written. */
  ciphertextWritten(bytes: number): void {
    this.#ledger.produced += bytes;
  }

  /** Counts ciphertext that the wire below has sent. */
  sent(bytes: number): void {
    const news = this.#ledger.sent(bytes);
    if (news > 0) this.#up.next({ kind: 'sent', bytes: news });
  }

  #pump(): void {
    const socket = this.#socket;
    if (!socket || this.#writing || (this.#pausedBelow && !this.#flushing)) return;
    const batch = this.#takeBatch();
    const last = batch.pop();
    if (last) {
      this.#writing = true;
      const bytes = batch.reduce((sum, chunk) => sum + chunk.length, last.length);
      socket.cork();
      for (const chunk of batch) socket.write(chunk);
      socket.write(last, (error) => this.#written(error ? 0 : bytes));
      socket.uncork();
    } else if (this.#ending && !socket.writableEnded) {
      const { produced: made } = this.#ledger;
      socket.end();
      // Nothing was pending before, so what was written now is close_notify. Otherwise the `final` of the transport reports it, turns
      // later.
      if (this.#ledger.produced > made) this.#onFlushed();
    }
  }

  #takeBatch(): Uint8Array[] {
    let room = BATCH;
    let count = 0;
    for (const { length } of this.#queue) {
      if (length > room) break;
      room -= length;
      count += 1;
    }
    const batch = this.#queue.splice(0, count);
    const [long] = this.#queue;
    if (count === 0 && long) {
      batch.push(long.subarray(0, BATCH));
      this.#queue[0] = long.subarray(BATCH);
      room = 0;
    }
    this.#held -= BATCH - room;
    return batch;
  }

  /**
   * TLS calls back after all ciphertext of the batch has been written, and nothing of the next batch or of close_notify. So the
   * ciphertext written so far contains exactly the plaintext passed so far.
   */
  #written(bytes: number): void {
    this.#writing = false;
    this.#ledger.consumed += bytes;
    this.#ledger.settle();
    this.sent(0);
    this.#pump();
    this.#regulate();
  }

  #regulate(): void {
    const most = this.#pausedAbove ? MAX_HELD / 2 : MAX_HELD - 1;
    const pause = this.#pausedBelow || this.#held > most;
    if (pause === this.#pausedAbove) return;
    this.#pausedAbove = pause;
    this.#up.next(pause ? PAUSE : RESUME);
  }
}
