/** The diagnostics of what uses NATS. `NatsConnection` is the type of the connection of nats.js. */
export interface NatsMessages<NatsConnection> {
  /** A connection to NATS that streams use has lost its server, has one again, or was closed. */
  'nats:status': {
    readonly connection: NatsConnection;
    readonly status: 'connected' | 'disconnected' | 'closed';
    /** Why the connection was closed, if there is a reason. */
    readonly error: Error | undefined;
  };
  /** The server of NATS has not accepted a message. */
  'nats:refused': { readonly connection: NatsConnection; readonly subject: string; readonly error: Error };
  /** A claim of a `directory` owns its session. `token` is the fencing token. */
  'directory:owned': { readonly session: string; readonly token: number };
  /** A claim has lost its session. */
  'directory:lost': { readonly session: string; readonly token: number; readonly error: Error };
  /** A member of a room has missed the messages between two sequences. */
  'rooms:gap': { readonly room: string; readonly after: number; readonly before: number };
}
