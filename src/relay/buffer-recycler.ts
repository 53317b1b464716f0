import type { Connection } from '../stream/connection.ts';
import { hasForeignDataListener, isRawSocket } from '../stream/raw-socket.ts';
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
  readonly #source: Connection;
  readonly #destination: Connection;
  /** Whether no other code can refer to sent buffers. Undefined until the first bytes are sent. */
  #isExclusive: boolean | undefined;
  readonly #buffers: Buffer[] = [];
  /** The end offset of each buffer, among all bytes that were written. */
  readonly #ends: number[] = [];

  constructor(source: Connection, destination: Connection) {
    this.#source = source;
    this.#destination = destination;
  }

  /** Adds a chunk to which no other code has a reference. Call it right after the chunk was queued. */
  add(chunk: Buffer): void {
    if (this.#isExclusive === false) return;
    this.#buffers.push(chunk);
    this.#ends.push(this.#destination.writes.accepted);
  }

  /** Recycles the buffers that were sent completely. Call it when more bytes have been sent. */
  recycleSent(): void {
    const { sent, queue } = this.#destination.writes;
    const [source, destination] = [this.#source, this.#destination];
    this.#isExclusive ??= isRawSocket(source.settings, source.handle) && isRawSocket(destination.settings, destination.handle);
    this.#isExclusive &&= !queue.exposed && !hasForeignDataListener(source.handle);
    for (let end = this.#ends[0]; end !== undefined && end <= sent; end = this.#ends[0]) {
      this.#ends.shift();
      const buffer = this.#buffers.shift();
      if (this.#isExclusive && buffer) recycle(buffer);
    }
  }
}
