import type { LayerDetails } from '../wire/signal.ts';
import type { FrameScheduler } from './frame-scheduler.ts';
import type { ReceiveBudget } from './receive-budget.ts';

/** A stream, as its session knows it. */
export interface OwnedStream {
  id: number;
  /** Called when the stream is open. */
  onOpen(): void;
  /** Fails with an error, after all bytes that were received. */
  fail(error: unknown): void;
}

/** What a stream uses of its session. */
export interface StreamOwner {
  readonly scheduler: FrameScheduler;
  readonly budget: ReceiveBudget;
  /** The full window of each stream, in bytes. */
  readonly window: number;
  /** Opens a stream when the connection is open, or fails it: calls its `onOpen` or `fail`, now or later. */
  open(stream: OwnedStream): void;
  /** Writes a frame. Called from inside `writeControl` and `writeData` only. */
  writeFrame(type: number, flags: number, stream: number, length: number, payload?: readonly Uint8Array[]): void;
  /** The details of the wire of a stream. */
  detailsOf(id: number): LayerDetails;
  /** Removes a stream whose directions have both ended. */
  forget(stream: OwnedStream): void;
  /**
   * Removes a stream, and resets it at the peer.
   *
   * @param firstFlag the flag of its first frame, if that was not written. With SYN the peer does not know the stream, and gets no
   *   frame. ACK is sent before the reset, which would otherwise look like a refusal.
   */
  reset(stream: OwnedStream, firstFlag: number): void;
}
