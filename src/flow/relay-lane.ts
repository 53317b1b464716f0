import type { Core } from '../stream/core.ts';
import type { Puller } from '../stream/read-side.ts';
import { Share } from '../stream/share.ts';
import type { Waiter } from '../stream/write-side.ts';
import { Loans } from './relay-loans.ts';

/** Who runs both directions. */
export interface LaneHost {
  /** More bytes have left. */
  moved(): void;
  /** All that came has left, and the end was given on. */
  through(): void;
  /** It cannot go on because of this stream; by default since that takes no more. */
  fail(core: Core, error?: unknown): void;
}

/** One direction of a relay: takes no more from the one stream than the other is ready for, then gives on the end. */
export class Lane implements Puller, Waiter {
  /** Bytes that have left. */
  sent = 0;
  isThrough = false;
  readonly #from: Core;
  readonly #to: Core;
  readonly #host: LaneHost;
  readonly #share: Share;
  readonly #loans: Loans;
  #running = false;
  #pulling = false;
  /** Asked from inside: there may be more. */
  #again = false;
  #ended = false;
  /** The stream it takes from has failed: nothing comes behind what is there. */
  #failed = false;
  #leave: (() => void) | undefined;

  constructor(from: Core, to: Core, host: LaneHost) {
    this.#from = from;
    this.#to = to;
    this.#share = new Share(to.writes);
    this.#loans = new Loans(from, to);
    this.#host = host;
  }

  /** Begins when the sends that were there before are through; returns the way to stop for good. */
  start(): () => void {
    const unwatch = this.#to.writes.wait(this);
    const begin = (leave?: () => void): void => {
      this.#leave = leave;
      this.#running = true;
      this.ready();
    };
    // One that takes no more has no line to wait in: the end of the other direction may still come, bytes may not.
    if (!this.#to.tells) {
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

  /** Takes no more. */
  stop(): void {
    this.#running = false;
  }

  /** The stream it takes from has failed: gives on what came before, then tells. */
  finish(): void {
    this.#failed = true;
    if (this.isThrough) this.#host.fail(this.#from);
    else this.ready();
  }

  /**
   * One loop, not recursion: what is given may be answered from inside. What has come is given at once, not at the end of the
   * tick: a tick for each chunk costs a fifth of the throughput.
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

  left(): void {
    this.#loans.settle();
    this.#tell();
    this.ready();
  }

  /** Gives on a chunk or the end; answers whether there may be more. */
  #step(): boolean {
    const { reads } = this.#from;
    const { writes } = this.#to;
    const { unseen } = reads;
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
    this.#share.add(chunk.length);
    if (chunk === unseen) this.#loans.add(chunk);
    return true;
  }

  #tell(): void {
    const now = this.#share.left();
    if (now <= this.sent) return;
    this.sent = now;
    this.#host.moved();
  }

  #settle(): void {
    if (!this.#running || !this.#ended || this.#share.waits) return;
    this.#running = false;
    this.#tell();
    if (this.#failed) {
      this.#host.fail(this.#from);
      return;
    }
    this.isThrough = true;
    this.#leave?.();
    this.#host.through();
  }
}
