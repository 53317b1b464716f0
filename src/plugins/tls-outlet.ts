import type { TLSSocket } from 'node:tls';
import type { Subscriber } from 'rxjs';
import { PAUSE, RESUME, type Up } from '../wire/signal.ts';
import { Ledger } from './ledger.ts';

/** So much plaintext is given to TLS at a time: with its ciphertext, all that a paused wire below may still get. */
const BATCH = 256 * 1024;
/** The application is paused when so much of its plaintext waits, and resumed when half of it does. */
const MOST_HELD = 256 * 1024;

/**
 * The plaintext on its way into TLS: waits for the handshake, goes in batch by batch, and is told to be `sent` when the
 * ciphertext that holds it was.
 *
 * ```text
 *   give ──▶ queue ── a batch at a time ──▶ TLSSocket ──▶ made(ciphertext) ──▶ wire below
 *   sent(plaintext) ◀───────────── ledger ◀─────────────────── left(ciphertext) ◀── wire below
 * ```
 */
export class TlsOutlet {
  readonly #up: Subscriber<Up>;
  readonly #said: () => void;
  #socket: TLSSocket | undefined;
  readonly #queue: Uint8Array[] = [];
  #held = 0;
  #writing = false;
  #ending = false;
  #flushing = false;
  #pausedBelow = false;
  #pausedAbove = false;
  readonly #ledger = new Ledger();

  /** @param said called once or twice when all that was given has gone down, and close_notify after it. */
  constructor(up: Subscriber<Up>, said: () => void) {
    this.#up = up;
    this.#said = said;
  }

  /** The handshake is through. */
  open(socket: TLSSocket): void {
    this.#socket = socket;
    this.#pump();
  }

  give(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#held += bytes.length;
    this.#pump();
    this.#regulate();
  }

  /** After what was given comes close_notify. */
  end(): void {
    this.#ending = true;
    this.#pump();
  }

  /**
   * As `end`, and what is held does not wait for a paused wire: it is bounded, and the wire below must have it all to watch the
   * time of closing.
   */
  flush(): void {
    this.#flushing = true;
    this.end();
  }

  /** Whether the application has ended its side. */
  get isEnding(): boolean {
    return this.#ending;
  }

  /** The wire below paused or resumed. */
  hold(paused: boolean): void {
    this.#pausedBelow = paused;
    if (!paused) this.#pump();
    this.#regulate();
  }

  /** So much more ciphertext went down, of whatever kind. */
  made(bytes: number): void {
    this.#ledger.made += bytes;
  }

  /** So much more ciphertext was `sent` by the wire below. */
  left(bytes: number): void {
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
      const { made } = this.#ledger;
      socket.end();
      // Nothing was on its way before: what went down now is close_notify. Else the transport's `final` tells, turns later.
      if (this.#ledger.made > made) this.#said();
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
   * TLS calls back when the ciphertext of the batch has gone down, all of it, and nothing of the next batch or of close_notify:
   * what was made so far holds what was given so far.
   */
  #written(bytes: number): void {
    this.#writing = false;
    this.#ledger.given += bytes;
    this.#ledger.settle();
    this.left(0);
    this.#pump();
    this.#regulate();
  }

  #regulate(): void {
    const most = this.#pausedAbove ? MOST_HELD / 2 : MOST_HELD - 1;
    const pause = this.#pausedBelow || this.#held > most;
    if (pause === this.#pausedAbove) return;
    this.#pausedAbove = pause;
    this.#up.next(pause ? PAUSE : RESUME);
  }
}
