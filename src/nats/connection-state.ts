import { realTime } from '../util/real-time.ts';
import { after } from '../util/timer.ts';
import type { NatsConnection } from './nats-connection.ts';

/** Follows whether a connection of NATS is connected: it keeps all requests in memory while it is not. */
export class ConnectionState {
  readonly #connection: NatsConnection;
  readonly #onReconnect = new Set<() => void>();
  #isConnected = true;
  readonly #waiting = new Set<() => void>();

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    void this.#follow();
  }

  get isClosed(): boolean {
    return this.#connection.isClosed();
  }

  /** Calls `work` after each reconnect. Returns what stops it. */
  onReconnect(work: () => void): () => void {
    this.#onReconnect.add(work);
    return () => this.#onReconnect.delete(work);
  }

  /** Resolves when the connection is connected or closed, at the latest after `ms`. */
  async untilConnected(ms: number): Promise<void> {
    if (this.#isConnected || this.isClosed) return;
    await new Promise<void>((resolve) => {
      const release = (): void => {
        timer.unsubscribe();
        this.#waiting.delete(release);
        resolve();
      };
      const timer = after(ms, realTime, release);
      this.#waiting.add(release);
    });
  }

  async #follow(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect') this.#isConnected = false;
      if (type !== 'reconnect') continue;
      this.#isConnected = true;
      this.#release();
      for (const work of [...this.#onReconnect]) work();
    }
    // Closed: the iteration ends.
    this.#release();
    for (const work of [...this.#onReconnect]) work();
  }

  #release(): void {
    for (const release of [...this.#waiting]) release();
  }
}
