import { decodeFrame, FRAME, HEADER_LENGTH, type FrameHeader } from './yamux.ts';

/** Receives the frames of a {@link YamuxReader}. */
export interface FrameTarget {
  /** Called with each header. Returns false to stop the reader: it then ignores all further bytes. */
  onFrame(header: FrameHeader): boolean;
  /** Called with each part of the payload of the last data frame, as it arrives. */
  onPayload(bytes: Uint8Array): void;
}

/**
 * Reads yamux frames from chunks of any size. Payload is passed on as it arrives, as views of the chunks: nothing but an incomplete
 * header is buffered.
 */
export class YamuxReader {
  readonly #target: FrameTarget;
  /** The bytes of an incomplete header. */
  readonly #header = new Uint8Array(HEADER_LENGTH);
  #headerLength = 0;
  /** Bytes of payload that are still to come. */
  #remaining = 0;
  #isStopped = false;

  constructor(target: FrameTarget) {
    this.#target = target;
  }

  /** Whether the bytes so far end within a frame. */
  get isInFrame(): boolean {
    return this.#headerLength > 0 || this.#remaining > 0;
  }

  /** Ignores all further bytes. */
  stop(): void {
    this.#isStopped = true;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#isStopped) at = this.#remaining > 0 ? this.#readPayload(chunk, at) : this.#readHeader(chunk, at);
  }

  #readPayload(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#remaining);
    this.#remaining -= end - at;
    this.#target.onPayload(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    return end;
  }

  /** Reads a header in place if the chunk holds all of it: most do. */
  #readHeader(chunk: Uint8Array, at: number): number {
    if (this.#headerLength === 0 && chunk.length - at >= HEADER_LENGTH) {
      this.#emit(decodeFrame(chunk, at));
      return at + HEADER_LENGTH;
    }
    const end = Math.min(chunk.length, at + HEADER_LENGTH - this.#headerLength);
    this.#header.set(chunk.subarray(at, end), this.#headerLength);
    this.#headerLength += end - at;
    if (this.#headerLength === HEADER_LENGTH) {
      this.#headerLength = 0;
      this.#emit(decodeFrame(this.#header, 0));
    }
    return end;
  }

  #emit(header: FrameHeader): void {
    if (header.type === FRAME.DATA) this.#remaining = header.length;
    if (!this.#target.onFrame(header)) this.#isStopped = true;
  }
}
