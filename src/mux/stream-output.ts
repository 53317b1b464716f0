import { Fifo } from '../util/fifo.ts';
import { INITIAL_WINDOW } from '../protocol/yamux.ts';

/** Maximum bytes of one data frame: the other streams wait no longer than for one frame each. */
export const MAX_FRAME: number = 64 * 1024;

/** Queued bytes at which the application is paused, and at which it is resumed. */
const HIGH_MARK = 64 * 1024;
const LOW_MARK: number = HIGH_MARK / 2;

/** The outbound direction of a stream: queued bytes, and our credit. */
export class StreamOutput {
  /** Bytes that we may still send. */
  window: number = INITIAL_WINDOW;
  /** Whether our direction is to end after the queued bytes, has ended, and whether that has been sent. */
  ending: 'no' | 'due' | 'written' | 'sent' = 'no';
  /** Whether the application is paused. */
  isPaused = false;
  readonly #chunks = new Fifo<Uint8Array>();
  /** Bytes of the first chunk that were written. */
  #offset = 0;
  #queued = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#queued += bytes.length;
  }

  /** The length of the next data frame. */
  get nextLength(): number {
    return Math.min(this.#queued, this.window, MAX_FRAME);
  }

  /** Whether the end is due, and nothing is queued before it. */
  get isEndDue(): boolean {
    return this.ending === 'due' && this.#queued === 0;
  }

  /** Whether to pause the application, or to resume it. */
  get isPauseChanged(): boolean {
    return this.isPaused ? this.#queued <= LOW_MARK : this.#queued >= HIGH_MARK;
  }

  /**
   * Removes and returns the payload of the next data frame: whole chunks as they are, others as views.
   *
   * @returns undefined if bytes are lost: their ArrayBuffer was detached after they were accepted.
   */
  takePayload(length: number): readonly Uint8Array[] | undefined {
    const pieces: Uint8Array[] = [];
    for (let remaining = length; remaining > 0;) {
      const chunk = this.#chunks.peek();
      if (!chunk || chunk.length <= this.#offset) return undefined;
      const end = Math.min(chunk.length, this.#offset + remaining);
      remaining -= end - this.#offset;
      pieces.push(this.#offset === 0 && end === chunk.length ? chunk : chunk.subarray(this.#offset, end));
      this.#offset = end;
      if (end < chunk.length) continue;
      this.#chunks.shift();
      this.#offset = 0;
    }
    this.window -= length;
    this.#queued -= length;
    return pieces;
  }

  /** Frees the queued bytes. */
  free(): void {
    this.#chunks.clear();
    this.#queued = 0;
    this.#offset = 0;
  }
}
