import type { Connection } from '../stream/connection.ts';
import type { PullReader } from '../stream/read-side.ts';
import { SentTracker } from '../stream/sent-tracker.ts';
import type { SentObserver } from '../stream/write-side.ts';
import { BufferRecycler } from './buffer-recycler.ts';

/** The owner of both directions. */
export interface RelayObserver {
  /** Called when more bytes have been sent. */
  moved(): void;
  /** Called when all bytes have been sent and the end was forwarded. */
  through(): void;
  /** Called when the relay must fail because of this stream. Without `error`: because the stream accepts no more writes. */
  fail(core: Connection, error?: unknown): void;
}

/** One direction of a relay. Reads only while the destination is not blocked, then forwards the end. */
export class RelayDirection implements PullReader, SentObserver {
  /** The number of bytes that have been sent. */
  sent = 0;
  isThrough = false;
  readonly #from: Connection;
  readonly #to: Connection;
  readonly #host: RelayObserver;
  readonly #tracker: SentTracker;
  readonly #recycler: BufferRecycler;
  #running = false;
  #pulling = false;
  /** `ready` was called reentrantly: run the loop once more. */
  #again = false;
  #ended = false;
  /** The source has failed: nothing follows the bytes that it has buffered. */
  #failed = false;
  #leave: (() => void) | undefined;

  constructor(from: Connection, to: Connection, host: RelayObserver) {
    this.#from = from;
    this.#to = to;
    this.#tracker = new SentTracker(to.writes);
    this.#recycler = new BufferRecycler(from, to);
    this.#host = host;
  }

  /** Starts when earlier sends to the destination have finished. Returns a function that stops for good. */
  start(): () => void {
    const unwatch = this.#to.writes.wait(this);
    const begin = (leave?: () => void): void => {
      this.#leave = leave;
      this.#running = true;
      this.ready();
    };
    // A destination that accepts no more writes has no send queue to join. The end may still be forwarded to it, bytes may not.
    if (!this.#to.isActive) {
      begin();
      return unwatch;
    }
    const leave = this.#to.sends.join(begin);
    return () => {
      this.stop();
      unwatch();
      leave();
    };
  }

  /** Stops reading from the source. */
  stop(): void {
    this.#running = false;
  }

  /** The source has failed: forwards the bytes read before the error, then fails the relay. */
  finish(): void {
    this.#failed = true;
    if (this.isThrough) this.#host.fail(this.#from);
    else this.ready();
  }

  /**
   * Forwards the available chunks. A loop, not recursion, because a write may cause a reentrant call. Flushes at once: one tick
   * for each chunk would reduce the throughput by a fifth.
   */
  ready(): void {
    this.#again = true;
    if (this.#pulling) return;
    this.#pulling = true;
    while (this.#again) {
      this.#again = false;
      let gave = false;
      while (this.#running && !this.#ended && !this.#to.writes.blocked && this.#step()) gave = true;
      if (gave) this.#to.flush();
    }
    this.#pulling = false;
    this.#settle();
  }

  onSent(): void {
    this.#recycler.settle();
    this.#emit();
    this.ready();
  }

  /** Forwards one chunk or the end. Returns whether there may be more. */
  #step(): boolean {
    const { reads } = this.#from;
    const { writes } = this.#to;
    const { exclusiveChunk: unseen } = reads;
    const chunk = reads.pull();
    if (!chunk) {
      this.#ended = this.#failed || (reads.end !== undefined && !('error' in reads.end));
      if (this.#ended && !this.#failed && !this.#to.isClosed) writes.end();
      return false;
    }
    if (this.#to.isClosed || writes.queueUp(chunk)) {
      this.#host.fail(this.#to);
      return false;
    }
    this.#tracker.add(chunk.length);
    if (chunk === unseen) this.#recycler.add(chunk);
    return true;
  }

  #emit(): void {
    const now = this.#tracker.sent();
    if (now <= this.sent) return;
    this.sent = now;
    this.#host.moved();
  }

  #settle(): void {
    if (!this.#running || !this.#ended || this.#tracker.isWaiting) return;
    this.#running = false;
    this.#emit();
    if (this.#failed) {
      this.#host.fail(this.#from);
      return;
    }
    this.isThrough = true;
    this.#leave?.();
    this.#host.through();
  }
}
