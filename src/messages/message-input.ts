import { ByteBuffer } from '../protocol/byte-buffer.ts';
import { describeFrame, malformed, type MessageFrame } from '../protocol/message-frame.ts';
import { gap } from './message-errors.ts';

/** What the inbound direction calls. */
export interface InputTarget {
  /** Emits bytes to the application. */
  emitData(bytes: Uint8Array): void;
  /** Emits the peer's end, after all bytes. */
  emitEnd(): void;
  /** Called when positions were read, so that they are acknowledged. */
  onRead(): void;
}

/** The inbound direction: checks the positions of the frames, and keeps unread bytes, at most `window`. */
export class MessageInput {
  /** Positions that the application has taken: bytes, and the end. */
  read = 0;
  /** Whether the application has got the peer's end. */
  isEndTaken = false;
  readonly #target: InputTarget;
  readonly #window: number;
  readonly #unread = new ByteBuffer();
  /** The position that the next DATA or END must have. */
  #expected = 0;
  #hasPeerEnded = false;
  #isPaused = false;
  #isDelivering = false;
  /** Set when the application has closed: bytes are read and dropped. */
  #isDiscarding = false;

  constructor(target: InputTarget, window: number) {
    this.#target = target;
    this.#window = window;
  }

  /**
   * Takes a frame.
   *
   * @throws IOStreamError EGAP if frames before it are missing, EPROTOCOL if it cannot follow them.
   */
  receive(frame: MessageFrame): void {
    const { type, position, payload } = frame;
    if (position > this.#expected)
      throw this.#hasPeerEnded ? malformed(`${describeFrame(frame)}, after its END`) : gap(frame, this.#expected);
    if (type !== 'DATA' && type !== 'END') return;
    const after = type === 'END' ? position + 1 : position + payload.length;
    if (after <= this.#expected) return; // A duplicate.
    if (position < this.#expected || this.#hasPeerEnded)
      throw malformed(`${describeFrame(frame)}, which overlaps the frame before: expected position ${this.#expected}`);
    if (type === 'DATA' && after > this.read + this.#window)
      throw malformed(`${describeFrame(frame)}, over the window of ${this.#window} bytes after ${this.read}`);
    this.#expected = after;
    if (type === 'END') this.#hasPeerEnded = true;
    else if (this.#unread.length === 0 && this.#canEmit) this.#emit(payload);
    else this.#unread.append(payload);
    this.#deliver();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  /** Drops all unread bytes, and those that follow. */
  discard(): void {
    this.#isDiscarding = true;
    this.#deliver();
  }

  /** Emits all unread bytes, even to a paused application: the connection is about to fail. */
  flush(): void {
    if (this.#unread.length > 0 && !this.#isDiscarding) this.#target.emitData(this.#unread.take(this.#unread.length));
  }

  get #canEmit(): boolean {
    return (!this.#isPaused || this.#isDiscarding) && !this.#isDelivering;
  }

  /** Emits unread bytes, then the end. Not reentrant: what is called from inside an emission is done by the outer loop. */
  #deliver(): void {
    while (this.#canEmit && this.#unread.length > 0) this.#emit(this.#unread.take(this.#unread.length));
    if (!this.#canEmit || !this.#hasPeerEnded || this.isEndTaken) return;
    this.isEndTaken = true;
    this.read += 1;
    this.#target.onRead();
    this.#target.emitEnd();
  }

  #emit(bytes: Uint8Array): void {
    // Read before they are emitted: an answer from inside the emission carries the acknowledgement.
    this.read += bytes.length;
    this.#isDelivering = true;
    try {
      this.#target.onRead();
      if (!this.#isDiscarding) this.#target.emitData(bytes);
    } finally {
      this.#isDelivering = false;
    }
  }
}
