import { encodeCode, encodeFrame, HEADER_BYTES, type FrameType } from '../protocol/message-frame.ts';
import type { ChannelPort } from './channel-port.ts';
import type { MessageInput } from './message-input.ts';
import type { MessageOutput } from './message-output.ts';

/** Writes the frames of one connection. Each frame carries what we have read, so any of them acknowledges. */
export class FrameWriter {
  /** Our id and that of the peer; 0 as long as it is unknown. */
  readonly id: number = 1 + Math.floor(Math.random() * (2 ** 32 - 1));
  peer = 0;
  readonly #port: ChannelPort;
  readonly #input: MessageInput;
  readonly #output: MessageOutput;
  readonly #window: number;
  /** What we had read when the last frame was written. */
  #reported = 0;
  #isStopped = false;

  constructor(port: ChannelPort, input: MessageInput, output: MessageOutput, window: number) {
    this.#port = port;
    this.#input = input;
    this.#output = output;
    this.#window = window;
  }

  /** Positions that were read, and that no frame has acknowledged. */
  get unacknowledged(): number {
    return this.#input.read - this.#reported;
  }

  /** Acknowledges what was read, unless another frame has done so. */
  acknowledge(): void {
    if (this.#reported !== this.#input.read) this.send('ACK');
  }

  send(type: FrameType): void {
    if (this.#canSend) this.#port.send(this.#encode(type));
  }

  /** Sends the queued bytes that the window allows, then the end. @returns how many bytes were sent. */
  pump(): number {
    let sent = 0;
    for (let size = this.#nextSize(); size > 0; size = this.#nextSize()) {
      const message = this.#encode('DATA', size);
      this.#output.take(message.subarray(HEADER_BYTES));
      this.#port.send(message);
      sent += size;
    }
    if (this.#canSend && this.#output.isEndDue) {
      const message = this.#encode('END');
      this.#output.endSent();
      this.#port.send(message);
    }
    return sent;
  }

  /** Writes nothing more, except a RESET with the reason. @param code the reason. @default no RESET */
  stop(code?: string): void {
    this.#isStopped = true;
    if (code === undefined || !this.#port.isWritable) return;
    const payload = encodeCode(code);
    const message = this.#encode('RESET', payload.length);
    message.set(payload, HEADER_BYTES);
    this.#port.send(message);
  }

  get #canSend(): boolean {
    return !this.#isStopped && this.#port.isWritable;
  }

  #nextSize(): number {
    return this.#canSend ? this.#output.nextSize() : 0;
  }

  #encode(type: FrameType, payloadBytes = 0): Uint8Array<ArrayBuffer> {
    const { read } = this.#input;
    const { position } = this.#output;
    this.#reported = read;
    return encodeFrame({ type, from: this.id, to: this.peer, window: this.#window, position, read }, payloadBytes);
  }
}
