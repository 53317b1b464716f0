import { BehaviorSubject, ReplaySubject, Subject } from 'rxjs';
import type { NatsConnection } from './nats-connection.ts';
import { publishNatsStatus, publishRefused } from './nats-diagnostics.ts';

/** The states of each connection that is in use. */
const LINKS = /* @__PURE__ */ new WeakMap<NatsConnection, BrokerLink>();

/** Returns the state of a connection, which all streams over it share. */
export function linkOf(connection: NatsConnection): BrokerLink {
  let link = LINKS.get(connection);
  if (!link) LINKS.set(connection, (link = new BrokerLink(connection)));
  return link;
}

/** Observes a connection to NATS: whether it is connected, what the server refuses, and its end. */
export class BrokerLink {
  readonly connection: NatsConnection;
  /**
   * Whether a server is connected. While none is, nats.js keeps what is published in memory, and drops it at the next attempt to
   * connect.
   */
  readonly writable$: BehaviorSubject<boolean>;
  /** Emits the subject of a message that the server did not accept, with the error. */
  readonly refused$: Subject<{ readonly subject: string; readonly error: Error }> = new Subject();
  /** Emits when the connection has been closed, with the reason if there is one. Replayed. */
  readonly closed$: ReplaySubject<Error | undefined> = new ReplaySubject(1);

  constructor(connection: NatsConnection) {
    this.connection = connection;
    this.writable$ = new BehaviorSubject(connection.info !== undefined);
    if (connection.isClosed()) this.closed$.next(undefined);
    else {
      void this.#observe(connection.status());
      void connection.closed().then((reason) => {
        publishNatsStatus(connection, 'closed', reason ?? undefined);
        this.closed$.next(reason ?? undefined);
      });
    }
  }

  async #observe(status: AsyncIterable<{ readonly type: string; readonly error?: Error }>): Promise<void> {
    for await (const { type, error } of status) {
      if (type === 'disconnect') this.#changed(false);
      else if (type === 'reconnect') this.#changed(true);
      else if (error) this.#refused(error);
    }
  }

  #changed(isConnected: boolean): void {
    publishNatsStatus(this.connection, isConnected ? 'connected' : 'disconnected');
    this.writable$.next(isConnected);
  }

  /** Permission violations name the subject. */
  #refused(error: Error & { readonly operation?: unknown; readonly subject?: unknown }): void {
    if (error.operation !== 'publish' || typeof error.subject !== 'string') return;
    publishRefused(this.connection, error.subject, error);
    this.refused$.next({ subject: error.subject, error });
  }
}
