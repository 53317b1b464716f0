import type { Connection } from '../stream/connection.ts';
import { recycle } from '../wire/socket-reads.ts';

/**
 * Recycles the buffers that a relay forwards between two sockets: once their bytes are sent, the next reads reuse them. Bulk
 * transfers then allocate no buffers.
 *
 * Recycles a buffer only if no other code can hold a reference to it:
 * - both streams are sockets without plugins,
 * - the chunk is exactly as it was read,
 * - neither `data$`, `inBuf` nor `outBuf` has exposed it,
 * - and the socket has no foreign listener.
 */
export class BufferRecycler {
  readonly #from: Connection;
  readonly #to: Connection;
  /** Whether both streams are plain sockets. Undefined until the first bytes are sent. */
  #rawSocket: boolean | undefined;
  readonly #buffers: Buffer[] = [];
  /** The end offset of each buffer, among all bytes that were written. */
  readonly #ends: number[] = [];

  constructor(from: Connection, to: Connection) {
    this.#from = from;
    this.#to = to;
  }

  /** Called after a chunk was written to which no other code has a reference. */
  add(chunk: Buffer): void {
    if (this.#rawSocket === false) return;
    this.#buffers.push(chunk);
    this.#ends.push(this.#to.writes.accepted);
  }

  /** Called when more bytes have been sent. Recycles the buffers that were sent completely. */
  settle(): void {
    const { sent: left, queue } = this.#to.writes;
    this.#rawSocket ??= this.#from.isRawSocket && this.#to.isRawSocket;
    this.#rawSocket &&= !queue.exposed && !this.#from.hasForeignDataListener;
    for (let end = this.#ends[0]; end !== undefined && end <= left; end = this.#ends[0]) {
      this.#ends.shift();
      const buffer = this.#buffers.shift();
      if (this.#rawSocket && buffer) recycle(buffer);
    }
  }
}
