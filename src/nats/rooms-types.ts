import type { Observable, ObservableInput } from 'rxjs';

/** The first event of {@link Rooms.join}. */
export interface RoomJoined {
  /** Distinguishes the events. */
  readonly kind: 'joined';
  /** The room. */
  readonly room: string;
  /** Messages after this sequence follow. */
  readonly sequence: number;
}

/** A message of a room. */
export interface RoomMessage {
  /** Distinguishes the events. */
  readonly kind: 'message';
  /** The room. */
  readonly room: string;
  /** Its position, to resume after it. Grows in a room, with holes: all rooms share the sequence. */
  readonly sequence: number;
  /** The id that it was published with. */
  readonly id: string;
  /** The bytes. Shared by all members: do not change them. */
  readonly data: Uint8Array;
}

/** A gap: messages may be missing. Their history was removed before they were read. */
export interface RoomGap {
  /** Distinguishes the events. */
  readonly kind: 'gap';
  /** The room. */
  readonly room: string;
  /** The last sequence before the gap. */
  readonly after: number;
  /** The first sequence after the gap. Lower than `after` if the history was deleted, and its numbers start again. */
  readonly before: number;
}

/** What a member of a room gets. */
export type RoomEvent = RoomJoined | RoomMessage | RoomGap;

/** The options of {@link Rooms.join}. */
export interface JoinOptions {
  /** Resumes after this sequence: that of the last event which the client has got. 0: from the first message kept. @default the present */
  readonly after?: number | undefined;
  /**
   * Called with each event, and with the next one when the result has completed: a Promise, an Observable such as that of `io.send`. An
   * error ends the membership.
   *
   * @default events are emitted at once
   */
  readonly deliver?: ((event: RoomEvent) => ObservableInput<unknown>) | undefined;
}

/** The options of {@link Rooms.publish}. */
export interface PublishOptions {
  /** The id of the message. A second one with the same id is dropped, within the broker's duplicate window. @default a random one */
  readonly id?: string | undefined;
}

/** The confirmation of a message. */
export interface Published {
  /** The sequence of the message. */
  readonly sequence: number;
  /** Whether the message was stored before, with the same id. */
  readonly isDuplicate: boolean;
}

/** Rooms with a history. Made by {@link rooms} and {@link memoryRooms}. */
export interface Rooms {
  /**
   * Publishes a message, and resolves when it is stored. Repeats it with the same id until then. Messages that are published one after the
   * other, each after the confirmation of the one before, keep their order.
   *
   * @throws TypeError for a wrong argument. IOStreamError, as a rejection: ETIMEDOUT if it is not confirmed in time: it may be stored, so
   * publish it again with the same id. EOUTBUFLIMIT if `maxPending` bytes are unconfirmed.
   */
  readonly publish: (room: string, data: Uint8Array | string, options?: PublishOptions) => Promise<Published>;
  /** Emits the events of a room. Never completes. @see {@link rooms} */
  readonly join: (room: string, options?: JoinOptions) => Observable<RoomEvent>;
}

/** The options of {@link memoryRooms}. */
export interface MemoryRoomsOptions {
  /** Maximum messages kept of each room. @default 1000 */
  readonly history?: number | undefined;
  /** Maximum bytes kept of all rooms. @default 67108864 */
  readonly maxBytes?: number | undefined;
  /** Milliseconds in which a second message with the same id is dropped. @default 120000 */
  readonly duplicateWindow?: number | undefined;
  /** Maximum bytes that wait for a slow member. Beyond them, it reads the history at its own pace. @default 262144 */
  readonly buffer?: number | undefined;
}

/** The options of {@link rooms}. Those of the stream count for the node that creates it. */
export interface RoomsOptions extends MemoryRoomsOptions {
  /** The name of the stream of JetStream. @default 'ROOMS' */
  readonly stream?: string | undefined;
  /** The first part of all subjects. @default 'rooms' */
  readonly subject?: string | undefined;
  /** Milliseconds for which messages are kept. 0: no limit. @default 3600000 */
  readonly maxAge?: number | undefined;
  /** Number of brokers that store the messages: 1, 3 or 5. @default 1 */
  readonly replicas?: number | undefined;
  /** Milliseconds until a message must be confirmed. Less than the duplicate window. @default 10000 */
  readonly timeout?: number | undefined;
  /** Maximum bytes of messages that are not confirmed. @default 1048576 */
  readonly maxPending?: number | undefined;
  /** Milliseconds between two signs of life of the broker. After two missing ones, the consumer is made again. @default 2000 */
  readonly heartbeat?: number | undefined;
}
