// What rooms use of `@nats-io/jetstream`, by its shape: its own types do not compile with `exactOptionalPropertyTypes`.

/** The package. */
export interface JetStreamModule {
  jetstream(connection: unknown): JetStreamClient;
  jetstreamManager(connection: unknown, options: { checkAPI: boolean; timeout: number }): Promise<JetStreamManager>;
}

export interface JetStreamClient {
  readonly apiPrefix: string;
  readonly consumers: { getBoundPushConsumer(config: ConsumerConfig): Promise<PushConsumer> };
  publish(
    subject: string,
    data: Uint8Array,
    options: { msgID: string; timeout: number; expect: { streamName: string } },
  ): Promise<{ readonly seq: number; readonly duplicate: boolean }>;
}

export interface JetStreamManager {
  readonly streams: {
    info(stream: string, options?: { subjects_filter: string }): Promise<StreamInfo>;
    add(config: Partial<StreamConfig>): Promise<StreamInfo>;
    /** The request goes to the server as it is. `next_by_subj`: the first message of a subject from `seq` on. */
    getMessage(stream: string, request: { seq: number; next_by_subj: string }): Promise<StoredMessage | null>;
  };
  readonly consumers: { add(stream: string, config: ConsumerConfig): Promise<{ readonly name: string }> };
}

/** Times are in nanoseconds. A limit of -1 is none. */
export interface StreamConfig {
  name: string;
  subjects: string[];
  max_msgs_per_subject: number;
  max_age: number;
  max_bytes: number;
  duplicate_window: number;
  num_replicas: number;
  readonly discard: string;
  readonly retention: string;
}

export interface StreamInfo {
  /** When the stream was made: another one of the same name has another time. */
  readonly created: string;
  readonly config: StreamConfig;
  /** In a cluster: the server that answers for the stream. */
  readonly cluster?: { readonly leader?: string } | undefined;
  readonly state: { readonly first_seq: number; readonly last_seq: number; readonly subjects?: Readonly<Record<string, number>> };
}

export interface StoredMessage {
  readonly seq: number;
  readonly data: Uint8Array;
  readonly header: { get(name: string): string };
}

/** Times are in nanoseconds. */
export interface ConsumerConfig {
  deliver_subject: string;
  deliver_policy: 'by_start_sequence';
  opt_start_seq: number;
  ack_policy: 'none';
  filter_subject: string;
  flow_control: boolean;
  idle_heartbeat: number;
  inactive_threshold: number;
  max_deliver: number;
  mem_storage: boolean;
  num_replicas: number;
}

export interface PushConsumer {
  consume(options: { callback: (message: ConsumedMessage) => void }): Promise<ConsumerMessages>;
}

export interface ConsumerMessages {
  stop(): void;
  status(): AsyncIterable<{ readonly type: string; readonly lastConsumerSequence?: number }>;
}

export interface ConsumedMessage {
  readonly subject: string;
  readonly seq: number;
  readonly data: Uint8Array;
  readonly headers?: { get(name: string): string } | undefined;
  readonly info: { readonly deliverySequence: number };
}
