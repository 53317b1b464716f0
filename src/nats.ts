// Streams between processes and machines, through NATS. You bring the connection, of `@nats-io/transport-node` or another transport.

// Streams
export { nats } from './nats/nats.ts';
export { natsListen } from './nats/nats-listen.ts';
export type { NatsListenOptions } from './nats/nats-listen-options.ts';
export type { NatsOptions, NatsStreamOptions } from './nats/nats-options.ts';
export type { NatsConnection, NatsMessage, NatsSubscribeOptions, NatsSubscription } from './nats/nats-connection.ts';

// Rooms: fan-out with a history
export { memoryRooms } from './nats/memory-rooms.ts';
export { rooms } from './nats/rooms.ts';
export type {
  JoinOptions,
  MemoryRoomsOptions,
  Published,
  PublishOptions,
  RoomEvent,
  RoomGap,
  RoomJoined,
  RoomMessage,
  Rooms,
  RoomsOptions,
} from './nats/rooms-types.ts';

// Who owns which session
export { directory } from './nats/directory.ts';
export type {
  Claim,
  ClaimOptions,
  Directory,
  DirectoryBucket,
  DirectoryBucketEntry,
  DirectoryEntry,
  DirectoryOptions,
} from './nats/directory-types.ts';
