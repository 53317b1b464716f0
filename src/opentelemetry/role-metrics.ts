import type { Attributes, ObservableResult } from '@opentelemetry/api';
import type { Instruments } from './instruments.ts';

/** What a collection asks of an open connection. */
export interface OpenConnection {
  readonly attributes: Attributes;
  /** Bytes that were accepted and not sent yet. */
  readonly pending: number;
  /** Adds the bytes since the last call to the counter. */
  countBytes(): void;
}

/** The metrics of all connections of one role. Bytes are counted when metrics are collected: a chunk costs nothing. */
export class RoleMetrics {
  readonly instruments: Instruments;
  readonly #attributes: Attributes;
  readonly #open = new Set<OpenConnection>();

  /** @param attributes those of every metric. */
  constructor(instruments: Instruments, attributes: Attributes) {
    this.instruments = instruments;
    this.#attributes = attributes;
    instruments.pending.addCallback(this.#collect);
  }

  add(connection: OpenConnection): void {
    this.#open.add(connection);
    this.instruments.count.add(1, connection.attributes);
  }

  /** Returns false if the connection was not open. */
  delete(connection: OpenConnection): boolean {
    const wasOpen = this.#open.delete(connection);
    if (wasOpen) this.instruments.count.add(-1, connection.attributes);
    return wasOpen;
  }

  /** Counts the bytes so far, and no open connection from now on. */
  stop(): void {
    for (const connection of this.#open) {
      connection.countBytes();
      this.delete(connection);
    }
    this.instruments.pending.removeCallback(this.#collect);
  }

  // One value for all, and always one: the SDK repeats the last value of what is not observed.
  readonly #collect = (result: ObservableResult): void => {
    let pending = 0;
    for (const connection of this.#open) {
      connection.countBytes();
      pending += connection.pending;
    }
    result.observe(pending, this.#attributes);
  };
}
