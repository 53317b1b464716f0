import type { Attributes, ObservableResult } from '@opentelemetry/api';
import type { Instruments } from './instruments.ts';

/** What a collection asks of an open connection. */
export interface OpenConnection {
  readonly attributes: Attributes;
  /** Adds the bytes since the last call to the counter. */
  countBytes(): void;
}

/** The metrics of all connections of one role. Bytes are counted when metrics are collected: a chunk costs nothing. */
export class RoleMetrics {
  readonly instruments: Instruments;
  readonly #open = new Set<OpenConnection>();

  constructor(instruments: Instruments) {
    this.instruments = instruments;
    instruments.count.addCallback(this.#collect);
  }

  add(connection: OpenConnection): void {
    this.#open.add(connection);
  }

  delete(connection: OpenConnection): boolean {
    return this.#open.delete(connection);
  }

  stop(): void {
    for (const connection of this.#open) connection.countBytes();
    this.#open.clear();
    this.instruments.count.removeCallback(this.#collect);
  }

  readonly #collect = (result: ObservableResult): void => {
    const counts = new Map<string, { attributes: Attributes; count: number }>();
    for (const connection of this.#open) {
      connection.countBytes();
      const { attributes } = connection;
      const key = JSON.stringify(attributes);
      const entry = counts.get(key);
      if (entry) entry.count += 1;
      else counts.set(key, { attributes, count: 1 });
    }
    for (const { attributes, count } of counts.values()) result.observe(count, attributes);
  };
}
