// Streams between processes and machines, through NATS. You bring the connection, of `@nats-io/transport-node` or another transport.

// Streams
export { nats } from './nats/nats.ts';
export { natsListen } from './nats/nats-listen.ts';
export type { NatsListenOptions } from './nats/nats-listen-options.ts';
export type { NatsOptions, NatsStreamOptions } from './nats/nats-options.ts';
export type { NatsConnection, NatsMessage, NatsSubscribeOptions, NatsSubscription } from './nats/nats-connection.ts';
