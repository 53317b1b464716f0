import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { SchedulerLike, Subscriber } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { lostBytes } from './lost-bytes.ts';
import { PAUSE, RESUME, type Up } from './signal.ts';

/** No write is longer than this, so that a transfer that moves is seen to move. */
const LONGEST_WRITE = 256 * 1024;

/**
 * Writes to a stream of Node: tells what has left (`sent`), and when it is full (`pause`, `resume`).
 *
 * Node joins all it holds into one `writev`, and would tell nothing until that is through: so it is never given more than one
 * longest write at a time, and the rest waits here. For a socket that is what full means: with its own mark of 16 KiB every
 * chunk of a bulk transfer made a pause and a resume. The mark of any other stream is kept.
 */
export class NodeWriter {
  readonly #writable: Writable;
  readonly #up: Subscriber<Up>;
  readonly #marked: boolean;
  /** Pieces that wait until Node holds less, and the first of them that is left; an end may wait behind them. */
  #waiting: Uint8Array[] | undefined;
  #next = 0;
  #ending = false;
  /** Bytes given to the stream, and how many of them we told to be sent. */
  #given = 0;
  #told = 0;
  #full = false;
  #clock: SchedulerLike | undefined;
  /** When bytes last left, on the clock given to `watch`. */
  movedAt = 0;
  #onWritten: ((error?: Error | null) => void) | undefined;

  constructor(writable: Writable, up: Subscriber<Up>) {
    this.#writable = writable;
    this.#up = up;
    this.#marked = !(writable instanceof Socket);
  }

  /** From now on `movedAt` is kept. */
  watch(clock: SchedulerLike): void {
    this.#clock = clock;
  }

  write(bytes: Uint8Array): void {
    if (this.#ending || this.#writable.writableEnded) {
      const message = 'expected an fh that can be written, got one whose end was written before';
      throw new IOStreamError('EPIPE', { phase: 'write', errno: -32, message });
    }
    // The straight way: no queue for what Node takes at once.
    if (!this.#waiting && this.#takes(bytes.length)) {
      this.#give(bytes);
      if (this.#marked) this.#tellFull(this.#writable.writableNeedDrain);
      return;
    }
    this.#waiting ??= [];
    for (let at = 0; at < bytes.length; at += LONGEST_WRITE) this.#waiting.push(bytes.subarray(at, at + LONGEST_WRITE));
    this.feed();
  }

  end(): void {
    this.#ending = true;
    this.feed();
  }

  /** Gives Node what waits, as far as it takes it now. */
  feed(): void {
    const waiting = this.#waiting;
    for (let piece = waiting?.[this.#next]; piece && this.#takes(piece.length); piece = waiting?.[this.#next]) {
      if (piece.length === 0) {
        this.#up.error(lostBytes());
        return;
      }
      this.#next += 1;
      this.#give(piece);
    }
    const empty = waiting === undefined || this.#next === waiting.length;
    if (empty) {
      this.#waiting = undefined;
      this.#next = 0;
    }
    if (!empty || !this.#ending) this.#tellFull(!empty || (this.#marked && this.#writable.writableNeedDrain));
    else if (!this.#writable.writableEnded) this.#writable.end();
  }

  /**
   * What has left is what was given less what Node still holds: exact, and without an entry for each write. However much the
   * kernel took at once, it is told in steps.
   */
  tellSent(): void {
    const left = this.#given - this.#writable.writableLength;
    if (this.#clock && left > this.#told) this.movedAt = this.#clock.now();
    while (left > this.#told) {
      const bytes = Math.min(left - this.#told, LONGEST_WRITE);
      this.#told += bytes;
      this.#up.next({ kind: 'sent', bytes });
    }
  }

  #takes(bytes: number): boolean {
    return this.#writable.writableLength + bytes <= LONGEST_WRITE;
  }

  #give(piece: Uint8Array): void {
    this.#given += piece.length;
    this.#writable.write(piece, (this.#onWritten ??= this.#written()));
  }

  #written(): (error?: Error | null) => void {
    return (error) => {
      // Node calls back for what it could not write, too.
      if (error || this.#writable.destroyed) return;
      this.tellSent();
      this.feed();
    };
  }

  #tellFull(full: boolean): void {
    if (full === this.#full) return;
    this.#full = full;
    this.#up.next(full ? PAUSE : RESUME);
  }
}
