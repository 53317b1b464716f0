import type { Observable } from 'rxjs';
import type { IOStreamError } from '../../errors.ts';
import type { Bytes } from '../../stream/bytes.ts';

/** A queued message of a persistent stream. */
export interface QueuedWrite {
  /** Number of the attempt whose connection wrote it, or in which it was dropped. Infinity while it is queued. */
  readonly attempt: number;
}

/** Result of writing a message: the error of a rejected one, the entry of one queued across connections, or undefined: accepted. */
export type WriteOutcome = IOStreamError | QueuedWrite | undefined;

/** Output for the bytes of messages: a stream, or a persistent one. */
export interface MessageOutput {
  /** Whether bytes are accepted. */
  readonly isOpen: boolean;
  /** Whether the caller should wait before the next write. */
  readonly isBlocked: boolean;
  /** Emits when a connection has ended. The state of its encoder is then freed. */
  readonly disconnected$: Observable<unknown>;
  queue(bytes: Bytes): WriteOutcome;
  /** Reports the error of a write, and the rejected bytes. */
  report(error: IOStreamError, rejected?: Bytes): void;
}
