import type { ReadEnd } from '../../stream/read-end.ts';

/** Receiver of the messages of a source: the bytes of one stream, decoded. */
export interface MessageReceiver<T> {
  /** True while the receiver runs its loop. The loop then processes new messages, and needs no further call. */
  readonly isPumping: boolean;
  /** Emits a message at once if a reader is ready for it. Returns whether it did. */
  tryEmit(message: T): boolean;
  /** Called when there are messages, bytes, or the end. */
  pump(): void;
  /** Called when the owner of the stream has unsubscribed. Also stops a message that is being handled. */
  ownerUnsubscribed(end: ReadEnd): void;
  /** Whether a reader would get an error. */
  isErrorHandled(): boolean;
}
