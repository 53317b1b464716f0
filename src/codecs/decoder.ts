/** Converts the bytes of one stream to messages. Lazy: a message is decoded when the iterator requests it. */
export interface Decoder<T> {
  /** Returns the messages that end in a chunk. An error is thrown after all messages before it. */
  push(bytes: Uint8Array): Iterable<T>;
  /** Called when the bytes end. Returns the remaining messages, or throws if the last one is truncated. */
  finish(): Iterable<T>;
  /** Called once, however the subscription ends. */
  free?(): void;
}
