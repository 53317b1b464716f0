import { asBytes } from '../stream/bytes.ts';
import type { Connection } from '../stream/connection.ts';
import type { Outer } from './outer.ts';

/** A stream as the connection of a mux. */
export class StreamOuter implements Outer {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get accepted(): number {
    return this.#connection.writes.accepted;
  }

  get sent(): number {
    return this.#connection.writes.sent;
  }

  get isBlocked(): boolean {
    return this.#connection.writes.blocked;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  /** Queues bytes without regard to `outBufLimit`: a frame must not be cut. The mux writes only while the stream is not blocked. */
  write(bytes: Uint8Array): void {
    const { writes } = this.#connection;
    writes.queue.push(asBytes(bytes));
    writes.grown();
  }
}
