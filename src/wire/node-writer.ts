import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { SchedulerLike, Subscriber } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { lostBytes } from './lost-bytes.ts';
import { PAUSE, RESUME, type Up } from './signal.ts';

/** Maximum bytes of one write, so that a slow transfer still shows progress. */
const MAX_WRITE = 256 * 1024;

/**
 * Writes to a Node stream. Emits `sent` for the bytes that were sent, and `pause` and `resume` for backpressure.
 *
 * Node joins all its buffered bytes into one `writev`, and reports nothing until that has completed. Therefore it gets at most
 * `LONGEST_WRITE` bytes at a time, and the rest is queued here. A socket is full when bytes are queued: with Node's
 * `highWaterMark` of 16 KiB, every chunk of a bulk transfer would cause a pause and a resume. Other streams keep their own mark.
 */
export class NodeWriter {
  readonly #writable: Writable;
  readonly #up: Subscriber<Up>;
  readonly #marked: boolean;
  /** Queued pieces, and the index of the first one that remains. An end may be queued behind them. */
  #waiting: Uint8Array[] | undefined;
  #next = 0;
  #ending = false;
  /** Bytes written to the stream, and how many of them were reported as sent. */
  #written = 0;
  #reported = 0;
  #full = false;
  #clock: SchedulerLike | undefined;
  /** Time when bytes were last sent, on the clock passed to `watch`. */
  movedAt = 0;
  #onWritten: ((error?: Error | null) => void) | undefined;

  constructor(writable: Writable, up: Subscriber<Up>) {
    this.#writable = writable;
    this.#up = up;
    this.#marked = !(writable instanceof Socket);
  }

  /** Updates `movedAt` from now on. */
  watch(clock: SchedulerLike): void {
    this.#clock = clock;
  }

  write(bytes: Uint8Array): void {
    if (this.#ending || this.#writable.writableEnded) {
      const message = 'expected an fh that can be written, got one whose end was written before';
      throw new IOStreamError('EPIPE', { phase: 'write', errno: -32, message });
    }
    // Fast path: bytes that fit into Node's buffer skip the queue.
    if (!this.#waiting && this.#takes(bytes.length)) {
      this.#write(bytes);
      if (this.#marked) this.#reportFull(this.#writable.writableNeedDrain);
      return;
    }
    this.#waiting ??= [];
    for (let at = 0; at < bytes.length; at += MAX_WRITE) this.#waiting.push(bytes.subarray(at, at + MAX_WRITE));
    this.feed();
  }

  end(): void {
    this.#ending = true;
    this.feed();
  }

  /** Writes queued pieces to Node, as many as it accepts now. */
  feed(): void {
    const waiting = this.#waiting;
    for (let piece = waiting?.[this.#next]; piece && this.#takes(piece.length); piece = waiting?.[this.#next]) {
      if (piece.length === 0) {
        this.#up.error(lostBytes());
        return;
      }
      this.#next += 1;
      this.#write(piece);
    }
    const empty = waiting === undefined || this.#next === waiting.length;
    if (empty) {
      this.#waiting = undefined;
      this.#next = 0;
    }
    if (!empty || !this.#ending) this.#reportFull(!empty || (this.#marked && this.#writable.writableNeedDrain));
    else if (!this.#writable.writableEnded) this.#writable.end();
  }

  /**
   * Emits `sent`. The count is the written bytes minus those in Node's buffer, which is exact and needs no entry for each write.
   * One signal reports at most `LONGEST_WRITE` bytes.
   */
  reportSent(): void {
    const left = this.#written - this.#writable.writableLength;
    if (this.#clock && left > this.#reported) this.movedAt = this.#clock.now();
    while (left > this.#reported) {
      const bytes = Math.min(left - this.#reported, MAX_WRITE);
      this.#reported += bytes;
      this.#up.next({ kind: 'sent', bytes });
    }
  }

  #takes(bytes: number): boolean {
    return this.#writable.writableLength + bytes <= MAX_WRITE;
  }

  #write(piece: Uint8Array): void {
    this.#written += piece.length;
    this.#writable.write(piece, (this.#onWritten ??= this.#writtenCallback()));
  }

  #writtenCallback(): (error?: Error | null) => void {
    return (error) => {
      // Node also calls back for bytes that it could not write.
      if (error || this.#writable.destroyed) return;
      this.reportSent();
      this.feed();
    };
  }

  #reportFull(full: boolean): void {
    if (full === this.#full) return;
    this.#full = full;
    this.#up.next(full ? PAUSE : RESUME);
  }
}
