import { ByteBuffer } from '../protocol/byte-buffer.ts';
import { INITIAL_WINDOW } from '../protocol/yamux.ts';
import type { ReceiveBudget, UnreadHolder } from './receive-budget.ts';

/** What the inbound direction of a stream calls. */
export interface InputTarget {
  /** Emits bytes to the application. */
  emitData(bytes: Uint8Array): void;
  /** Emits the peer's end, after all bytes. */
  emitEnd(): void;
  /** Called when credit should be granted to the peer. */
  onCreditDue(): void;
  onOverBudget(total: number): void;
}

/** The buffer of all streams without unread bytes; always empty. */
const NO_UNREAD = /* @__PURE__ */ new ByteBuffer();

/**
 * The inbound direction of a stream: unread bytes, and the credit of the peer.
 *
 * The peer may send `window` bytes. Bytes that the application has taken are granted again, once they are half of the full window. A
 * paused application takes nothing, so the peer stops.
 */
export class StreamInput implements UnreadHolder {
  /** Bytes that the peer may still send. */
  window: number = INITIAL_WINDOW;
  /** Whether the peer has ended its direction, and whether the application has got the end. */
  hasPeerEnded = false;
  isEndTaken = false;
  readonly #target: InputTarget;
  readonly #budget: ReceiveBudget;
  readonly #fullWindow: number;
  #buffer = NO_UNREAD;
  #isPaused = false;
  /** Bytes are not emitted before the application is there, and none are emitted after it has closed. */
  #mode: 'waiting' | 'emitting' | 'discarding' = 'waiting';
  #isDelivering = false;
  /** Bytes to grant with the next update. */
  #credit: number;

  constructor(target: InputTarget, budget: ReceiveBudget, fullWindow: number) {
    this.#target = target;
    this.#budget = budget;
    this.#fullWindow = fullWindow;
    this.#credit = fullWindow - INITIAL_WINDOW;
  }

  get unread(): number {
    return this.#buffer.length;
  }

  onOverBudget(total: number): void {
    this.#target.onOverBudget(total);
  }

  /** Starts to emit: the application is connected. */
  start(): void {
    if (this.#mode === 'waiting') this.#mode = 'emitting';
    this.#deliver();
  }

  /** Takes bytes of the peer, which are within its window. */
  receive(bytes: Uint8Array): void {
    if (this.#mode === 'discarding') this.#taken(bytes.length);
    else if (this.#buffer.length === 0 && this.#canEmit) this.#emit(bytes);
    else this.#store(bytes);
  }

  end(): void {
    this.hasPeerEnded = true;
    this.#deliver();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  /** Drops all unread bytes, and those that follow. The peer may send on until its end. */
  discard(): void {
    const { unread } = this;
    this.free();
    this.#taken(unread);
    this.#deliver();
  }

  /** Emits all unread bytes, even to a paused application: the stream is about to fail. */
  flush(): void {
    const bytes = this.#buffer.take(this.unread);
    this.#budget.remove(this, bytes.length);
    if (bytes.length > 0 && this.#mode !== 'discarding') this.#target.emitData(bytes);
  }

  /** Frees the unread bytes, and keeps none of those that follow. */
  free(): void {
    this.#mode = 'discarding';
    const { unread } = this;
    if (unread === 0) return;
    this.#buffer = NO_UNREAD;
    this.#budget.remove(this, unread);
  }

  /** Returns the bytes to grant with an update that is being written. */
  takeCredit(): number {
    const credit = this.#credit;
    this.#credit = 0;
    this.window += credit;
    return credit;
  }

  get #canEmit(): boolean {
    return this.#mode === 'emitting' && !this.#isPaused && !this.#isDelivering;
  }

  /** Copies what would retain a much larger chunk. */
  #store(bytes: Uint8Array): void {
    if (this.#buffer === NO_UNREAD) this.#buffer = new ByteBuffer();
    this.#buffer.append(bytes);
    this.#budget.add(this, bytes.length);
  }

  /** Emits unread bytes, then the end. Not reentrant: what is called from inside an emission is done by the outer loop. */
  #deliver(): void {
    while (this.#canEmit && this.unread > 0) {
      const bytes = this.#buffer.take(this.unread);
      this.#budget.remove(this, bytes.length);
      this.#emit(bytes);
    }
    const isReady = this.#mode === 'discarding' ? !this.#isDelivering : this.#canEmit;
    if (!isReady || !this.hasPeerEnded || this.isEndTaken) return;
    this.isEndTaken = true;
    this.#target.emitEnd();
  }

  #emit(bytes: Uint8Array): void {
    this.#isDelivering = true;
    try {
      this.#target.emitData(bytes);
    } finally {
      this.#isDelivering = false;
    }
    this.#taken(bytes.length);
    if (this.unread > 0 || this.hasPeerEnded) this.#deliver();
  }

  #taken(bytes: number): void {
    this.#credit += bytes;
    if (!this.hasPeerEnded && bytes > 0 && this.#credit >= this.#fullWindow / 2) this.#target.onCreditDue();
  }
}
