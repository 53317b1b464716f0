import { FLAG, FRAME } from '../protocol/yamux.ts';
import type { FrameSource } from './frame-scheduler.ts';
import type { StreamOutput } from './stream-output.ts';
import type { StreamOwner } from './stream-owner.ts';

/** The stream of a {@link StreamWriter}. */
export interface WriterTarget {
  readonly id: number;
  readonly output: StreamOutput;
  /** Returns the bytes to grant to the peer. */
  takeCredit(): number;
  /** Called when the first frame was written: the peer will know the stream. */
  onFirstFrame(): void;
  /** Called when bytes were taken from the queue. */
  onWritten(): void;
  /** Called when queued bytes are lost. */
  onLost(): void;
  /** Called when bytes were sent, and with 0 when the end was sent. */
  onSent(bytes: number): void;
}

/** Writes the frames of one stream: its flags and credit as window updates, and its data. */
export class StreamWriter implements FrameSource {
  isControlDue = false;
  isDataDue = false;
  readonly #owner: StreamOwner;
  readonly #target: WriterTarget;
  /** The flag of the first frame: SYN or ACK. 0 after it was written. */
  firstFlag: number;
  #isStopped = false;

  constructor(owner: StreamOwner, target: WriterTarget, firstFlag: number) {
    this.#owner = owner;
    this.#target = target;
    this.firstFlag = firstFlag;
  }

  /** Writes and reports nothing from now on. */
  stop(): void {
    this.#isStopped = true;
  }

  requestControl(): void {
    if (!this.#isStopped) this.#owner.scheduler.requestControl(this);
  }

  /** Requests a turn for data if there is any that the peer has granted. */
  requestData(): void {
    if (!this.#isStopped && this.firstFlag !== FLAG.SYN && this.#target.output.nextLength > 0) this.#owner.scheduler.requestData(this);
  }

  writeControl(): void {
    if (this.#isStopped) return;
    const { output, id } = this.#target;
    const isEnd = output.isEndDue;
    const credit = this.#target.takeCredit();
    const first = this.firstFlag;
    const flags = first | (isEnd ? FLAG.FIN : 0);
    this.firstFlag = 0;
    if (flags === 0 && credit === 0) return;
    this.#owner.writeFrame(FRAME.WINDOW, flags, id, credit);
    if (isEnd) {
      output.ending = 'written';
      this.#owner.scheduler.track(this, 0);
    }
    if (first === FLAG.SYN) this.#target.onFirstFrame();
  }

  writeData(): boolean {
    const { output, id } = this.#target;
    const length = this.#isStopped ? 0 : output.nextLength;
    if (length === 0) return false;
    const pieces = output.takePayload(length);
    if (!pieces) {
      this.#target.onLost();
      return false;
    }
    this.#owner.writeFrame(FRAME.DATA, 0, id, length, pieces);
    this.#owner.scheduler.track(this, length);
    if (output.isEndDue) this.requestControl();
    this.#target.onWritten();
    return output.nextLength > 0;
  }

  onSent(bytes: number): void {
    if (!this.#isStopped) this.#target.onSent(bytes);
  }
}
