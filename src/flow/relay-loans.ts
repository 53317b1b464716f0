import type { Core } from '../stream/core.ts';
import { reuse } from '../wire/socket-reads.ts';

/**
 * Buffers whose bytes a relay gives from one socket to another, to be read into again when they have left: bulk then allocates
 * nothing, and there is nothing to collect.
 *
 * Only what nobody else can have is reused: both streams are sockets without plugins, the chunk is as it came, neither `data$`,
 * `inBuf` nor `outBuf` has shown it, and nobody listens to the socket itself.
 */
export class Loans {
  readonly #from: Core;
  readonly #to: Core;
  /** Both are known when the first bytes have left. */
  #plain: boolean | undefined;
  readonly #buffers: Buffer[] = [];
  /** Where the bytes of each end, in all that was written. */
  readonly #ends: number[] = [];

  constructor(from: Core, to: Core) {
    this.#from = from;
    this.#to = to;
  }

  /** A chunk that nobody else has seen was just written. */
  add(chunk: Buffer): void {
    if (this.#plain === false) return;
    this.#buffers.push(chunk);
    this.#ends.push(this.#to.writes.accepted);
  }

  /** More has left. */
  settle(): void {
    const { left, queue } = this.#to.writes;
    this.#plain ??= this.#from.isPlain && this.#to.isPlain;
    this.#plain &&= !queue.shown && !this.#from.isOverheard;
    for (let end = this.#ends[0]; end !== undefined && end <= left; end = this.#ends[0]) {
      this.#ends.shift();
      const buffer = this.#buffers.shift();
      if (this.#plain && buffer) reuse(buffer);
    }
  }
}
