import { describeFrame, malformed, type MessageFrame } from '../protocol/message-frame.ts';
import { Fifo } from '../util/fifo.ts';
import { PAUSE, RESUME, type PauseSignal, type ResumeSignal } from '../wire/signal.ts';

/** The outbound direction: bytes that wait for the peer's credit, and the positions that were sent and that it has read. */
export class MessageOutput {
  /** The position of the next frame. */
  position = 0;
  /** Bytes that no frame has carried yet. */
  queued = 0;
  readonly #ownWindow: number;
  readonly #maxPayload: number;
  readonly #chunks = new Fifo<Uint8Array>();
  /** Bytes of the first chunk that were sent. */
  #offset = 0;
  /** How far positions may run ahead of the peer's reading. */
  #window: number;
  /** Positions that the peer has read. */
  #read = 0;
  /** Whether the application is paused. */
  #isFull = false;
  #isEnding = false;
  #isEndSent = false;

  constructor(window: number, maxPayload: number) {
    this.#ownWindow = window;
    this.#window = window;
    this.#maxPayload = maxPayload;
  }

  /** Whether the peer has read all bytes and our end. */
  get isRead(): boolean {
    return this.#isEndSent && this.#read === this.position;
  }

  /** Returns the signal for the application if one is due: it is paused while bytes are queued. */
  takePressure(): PauseSignal | ResumeSignal | undefined {
    const isFull = this.queued > 0;
    if (isFull === this.#isFull) return undefined;
    this.#isFull = isFull;
    return isFull ? PAUSE : RESUME;
  }

  write(bytes: Uint8Array): void {
    if (this.#isEnding || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.queued += bytes.length;
  }

  end(): void {
    this.#isEnding = true;
  }

  /**
   * Takes what the peer reports with a frame.
   *
   * @returns whether it has read further.
   * @throws IOStreamError EPROTOCOL if it has read what was not sent.
   */
  acknowledge(frame: MessageFrame): boolean {
    const { read, window } = frame;
    if (read > this.position) throw malformed(`${describeFrame(frame)}, which acknowledges ${read} positions: ${this.position} were sent`);
    this.#window = Math.min(window, this.#ownWindow);
    if (read <= this.#read) return false; // A duplicate, or an older one.
    this.#read = read;
    return true;
  }

  /** How many bytes the next DATA carries; 0 if there are none, or the window does not allow them. */
  nextSize(): number {
    const size = Math.min(this.queued, this.#maxPayload);
    const credit = this.#read + this.#window - this.position;
    // A window that opens byte by byte must not make frames of a byte each.
    return credit >= Math.min(size, Math.ceil(this.#window / 2)) ? Math.min(size, credit) : 0;
  }

  /** Moves `into.length` queued bytes into a frame. */
  take(into: Uint8Array): void {
    let filled = 0;
    for (let chunk = this.#chunks.peek(); chunk && filled < into.length; chunk = this.#chunks.peek()) {
      const part = chunk.subarray(this.#offset, this.#offset + into.length - filled);
      into.set(part, filled);
      filled += part.length;
      this.#offset += part.length;
      if (this.#offset < chunk.length) break;
      this.#chunks.shift();
      this.#offset = 0;
    }
    this.queued -= into.length;
    this.position += into.length;
  }

  /** Whether END is the next frame. It needs no credit. */
  get isEndDue(): boolean {
    return this.#isEnding && !this.#isEndSent && this.queued === 0;
  }

  endSent(): void {
    this.#isEndSent = true;
    this.position += 1;
  }

  clear(): void {
    this.#chunks.clear();
    this.queued = 0;
  }
}
