/**
 * What this library uses of a connection to NATS: that of `connect` of `@nats-io/transport-node`, or of `wsconnect` of
 * `@nats-io/nats-core`. You open and close it.
 */
export interface NatsConnection {
  /** Facts of the server; undefined while there is no connection to one. */
  readonly info?: { readonly max_payload: number; readonly jetstream?: boolean } | undefined;
  /** Publishes a message. */
  publish(subject: string, payload?: Uint8Array, options?: { reply?: string }): void;
  /** Subscribes to a subject; with `queue`, as a member of that group. */
  subscribe(subject: string, options?: NatsSubscribeOptions): NatsSubscription;
  /** Emits changes of the connection. */
  status(): AsyncIterable<{ readonly type: string; readonly error?: Error }>;
  /** Resolves when the connection has been closed, with an error if one was the reason. */
  closed(): Promise<void | Error>;
  /** Whether the connection has been closed. */
  isClosed(): boolean;
  /** Resolves when the server has processed what was sent before. */
  flush(): Promise<void>;
}

/** The options of {@link NatsConnection.subscribe}. */
export interface NatsSubscribeOptions {
  /** The queue group: each message goes to one of its members. @default none */
  queue?: string;
  /** Called with each message. @default none */
  callback?: (error: Error | null, message: NatsMessage) => void;
}

/** A subscription of NATS. */
export interface NatsSubscription {
  /** Unsubscribes. */
  unsubscribe(): void;
  /** Unsubscribes, and resolves when the messages before that have been delivered. */
  drain(): Promise<void>;
}

/** A message of NATS. */
export interface NatsMessage {
  /** The subject that it was published to. */
  readonly subject: string;
  /** The subject for answers; '' if there is none. */
  readonly reply?: string;
  /** The bytes. */
  readonly data: Uint8Array;
  /** The headers. */
  readonly headers?: { readonly code: number } | undefined;
}
