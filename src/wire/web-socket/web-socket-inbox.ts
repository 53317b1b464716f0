import { Fifo } from '../../util/fifo.ts';

/** What a message counts in addition to its bytes, so that many small ones are bounded, too. */
const MESSAGE_COST = 64;

/** Keeps the messages that arrive while the application does not read. */
export class WebSocketInbox {
  readonly #limit: number;
  readonly #messages = new Fifo<Uint8Array>();
  #cost = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** Keeps a message. Returns false if it is over the limit: then it is not kept. */
  push(bytes: Uint8Array): boolean {
    const cost = this.#cost + bytes.length + MESSAGE_COST;
    if (cost > this.#limit) return false;
    this.#cost = cost;
    this.#messages.push(bytes);
    return true;
  }

  shift(): Uint8Array | undefined {
    const bytes = this.#messages.shift();
    if (bytes) this.#cost -= bytes.length + MESSAGE_COST;
    return bytes;
  }

  clear(): void {
    this.#messages.clear();
    this.#cost = 0;
  }
}
