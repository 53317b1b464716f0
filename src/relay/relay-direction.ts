import type { Connection } from '../stream/connection.ts';
import type { PullReader } from '../stream/pull-reader.ts';
import { SentTracker } from '../stream/sent-tracker.ts';
import type { SentObserver } from '../stream/sent-observers.ts';
import { BufferRecycler } from './buffer-recycler.ts';

/** The owner of both directions. */
export interface RelayObserver {
  /** Called when more bytes have been sent. */
  onProgress(): void;
  /** Called when all bytes have been sent and the end was forwarded. */
  onEnd(): void;
  /** Called when the relay must fail because of this stream. Without `error`: because the stream accepts no more writes. */
  fail(connection: Connection, error?: unknown): void;
}

/** One direction of a relay. Reads only while the destination is not blocked, then forwards the end. */
export class RelayDirection implements PullReader, SentObserver {
  readonly source: Connection;
  /** The number of bytes that have been sent. */
  sent = 0;
  /** All bytes have been sent, and the end was forwarded. */
  isDone = false;
  readonly #destination: Connection;
  readonly #observer: RelayObserver;
  readonly #tracker: SentTracker;
  readonly #recycler: BufferRecycler;
  #isRunning = false;
  #isPulling = false;
  /** `ready` was called reentrantly: run the loop once more. */
  #pullAgain = false;
  /** The source has no more bytes. */
  #isDrained = false;
  /** The source has failed: nothing follows the bytes that it has buffered. */
  #hasSourceFailed = false;
  #leaveQueue: (() => void) | undefined;

  constructor(source: Connection, destination: Connection, observer: RelayObserver) {
    this.source = source;
    this.#destination = destination;
    this.#tracker = new SentTracker(destination.writes);
    this.#recycler = new BufferRecycler(source, destination);
    this.#observer = observer;
  }

  /** Starts when earlier sends to the destination have finished. Returns a function that stops for good. */
  start(): () => void {
    const destination = this.#destination;
    const removeObserver = destination.writes.observe(this);
    const run = (leaveQueue?: () => void): void => {
      this.#leaveQueue = leaveQueue;
      this.#isRunning = true;
      this.ready();
    };
    // A destination that accepts no more writes has no send queue to join. The end may still be forwarded to it, bytes may not.
    if (!destination.lifetime.isActive) {
      run();
      return removeObserver;
    }
    const leaveQueue = destination.sends.join(run);
    return () => {
      this.stop();
      removeObserver();
      leaveQueue();
    };
  }

  /** Stops reading from the source. */
  stop(): void {
    this.#isRunning = false;
  }

  /** Called when the source has failed: forwards the bytes read before the error, then fails the relay. */
  onSourceFailed(): void {
    this.#hasSourceFailed = true;
    if (this.isDone) this.#observer.fail(this.source);
    else this.ready();
  }

  /**
   * Forwards the available chunks. A loop, not recursion, because a write may cause a reentrant call. Flushes at once: one tick
   * for each chunk would reduce the throughput by a fifth.
   */
  ready(): void {
    this.#pullAgain = true;
    if (this.#isPulling) return;
    this.#isPulling = true;
    while (this.#pullAgain) {
      this.#pullAgain = false;
      let hasWritten = false;
      while (this.#isRunning && !this.#isDrained && !this.#destination.writes.blocked && this.#forwardNext()) hasWritten = true;
      if (hasWritten) this.#destination.flush();
    }
    this.#isPulling = false;
    this.#endIfSent();
  }

  onSent(): void {
    this.#recycler.recycleSent();
    this.#updateSent();
    this.ready();
  }

  /** Forwards the next chunk, or the end. Returns whether there may be more. */
  #forwardNext(): boolean {
    const { reads } = this.source;
    const destination = this.#destination;
    const { exclusiveChunk } = reads;
    const chunk = reads.pull();
    if (!chunk) {
      this.#isDrained = this.#hasSourceFailed || (reads.end !== undefined && !('error' in reads.end));
      if (this.#isDrained && !this.#hasSourceFailed && !destination.isClosed) destination.writes.end();
      return false;
    }
    if (destination.isClosed || destination.writes.queueUp(chunk)) {
      this.#observer.fail(destination);
      return false;
    }
    this.#tracker.add(chunk.length);
    if (chunk === exclusiveChunk) this.#recycler.add(chunk);
    return true;
  }

  #updateSent(): void {
    const sent = this.#tracker.sent();
    if (sent <= this.sent) return;
    this.sent = sent;
    this.#observer.onProgress();
  }

  #endIfSent(): void {
    if (!this.#isRunning || !this.#isDrained || this.#tracker.isWaiting) return;
    this.#isRunning = false;
    this.#updateSent();
    if (this.#hasSourceFailed) {
      this.#observer.fail(this.source);
      return;
    }
    this.isDone = true;
    this.#leaveQueue?.();
    this.#observer.onEnd();
  }
}
