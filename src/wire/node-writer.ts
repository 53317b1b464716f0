import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { IOStreamError } from '../errors.ts';
import type { Linger } from './linger.ts';
import { lostBytes } from './lost-bytes.ts';
import { PAUSE, RESUME } from './signal.ts';
import type { UpTarget } from './up-target.ts';

/** Maximum bytes of one write, so that a slow transfer still shows progress. */
const MAX_WRITE = 256 * 1024;

/** Maximum bytes of small writes that TLS of Node joins into one. It copies them, so longer writes wait until it is their turn. */
export const TLS_BATCH: number = 64 * 1024;

/**
 * Writes to a Node stream. Emits `sent` for the bytes that were sent, and `pause` and `resume` for backpressure.
 *
 * Node joins all its buffered bytes into one `writev`, and reports nothing until that has completed. Therefore it gets at most
 * `MAX_WRITE` bytes at a time, and the rest is queued here. A socket is full when bytes are queued: with Node's
 * `highWaterMark` of 16 KiB, every chunk of a bulk transfer would cause a pause and a resume. Other streams keep their own mark.
 */
export class NodeWriter {
  readonly #writable: Writable;
  readonly #up: UpTarget;
  readonly #usesOwnMark: boolean;
  readonly #maxBuffered: number;
  /** Queued pieces, and the index of the first one that remains. An end may be queued behind them. */
  #queue: Uint8Array[] | undefined;
  #next = 0;
  #isEnding = false;
  /** Bytes written to the stream, and how many of them were reported as sent. */
  #written = 0;
  #reported = 0;
  #isFull = false;
  #linger: Linger | undefined;
  /** Callback of each write. Created at the first one: idle connections have none. */
  #onWritten: ((error?: Error | null) => void) | undefined;

  /** @param maxBuffered the maximum bytes of several writes in the stream's own buffer. */
  constructor(writable: Writable, up: UpTarget, maxBuffered: number = MAX_WRITE) {
    this.#writable = writable;
    this.#maxBuffered = maxBuffered;
    this.#up = up;
    this.#usesOwnMark = !(writable instanceof Socket);
  }

  /** Reports progress of the writes to `linger` from now on. */
  watch(linger: Linger): void {
    this.#linger = linger;
  }

  write(bytes: Uint8Array): void {
    if (this.#isEnding || this.#writable.writableEnded)
      throw new IOStreamError('EPIPE', { phase: 'write', errno: -32, message: 'write to an fh whose writable side has ended' });
    // Fast path: bytes that fit into Node's buffer skip the queue.
    if (!this.#queue && this.#accepts(bytes.length)) {
      this.#write(bytes);
      if (this.#usesOwnMark) this.#reportFull(this.#writable.writableNeedDrain);
      return;
    }
    this.#queue ??= [];
    for (let at = 0; at < bytes.length; at += MAX_WRITE) this.#queue.push(bytes.subarray(at, at + MAX_WRITE));
    this.feed();
  }

  end(): void {
    this.#isEnding = true;
    this.feed();
  }

  /** Writes queued pieces to Node, as many as it accepts now. */
  feed(): void {
    const queue = this.#queue;
    for (let piece = queue?.[this.#next]; piece && this.#accepts(piece.length); piece = queue?.[this.#next]) {
      if (piece.length === 0) {
        this.#up.error(lostBytes());
        return;
      }
      this.#next += 1;
      this.#write(piece);
    }
    const isEmpty = queue === undefined || this.#next === queue.length;
    if (isEmpty) {
      this.#queue = undefined;
      this.#next = 0;
    }
    if (!isEmpty || !this.#isEnding) this.#reportFull(!isEmpty || (this.#usesOwnMark && this.#writable.writableNeedDrain));
    else if (!this.#writable.writableEnded) this.#writable.end();
  }

  /**
   * Emits `sent`. The count is the written bytes minus those in Node's buffer, which is exact and needs no entry for each write.
   * One signal reports at most `MAX_WRITE` bytes.
   */
  reportSent(): void {
    const sent = this.#written - this.#writable.writableLength;
    if (sent > this.#reported) this.#linger?.touch();
    while (sent > this.#reported) {
      const bytes = Math.min(sent - this.#reported, MAX_WRITE);
      this.#reported += bytes;
      this.#up.next({ kind: 'sent', bytes });
    }
  }

  #accepts(bytes: number): boolean {
    const { writableLength } = this.#writable;
    return writableLength + bytes <= this.#maxBuffered || (writableLength === 0 && bytes <= MAX_WRITE);
  }

  #write(piece: Uint8Array): void {
    this.#written += piece.length;
    this.#writable.write(piece, (this.#onWritten ??= this.#createOnWritten()));
  }

  #createOnWritten(): (error?: Error | null) => void {
    return (error) => {
      // Node also calls back for bytes that it could not write.
      if (error || this.#writable.destroyed) return;
      this.reportSent();
      this.feed();
    };
  }

  #reportFull(isFull: boolean): void {
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#up.next(isFull ? PAUSE : RESUME);
  }
}
