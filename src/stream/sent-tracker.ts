import { LinkedList, type Linked } from '../util/linked-list.ts';

/** Totals of a stream since its start: bytes accepted, and bytes sent. */
interface Totals {
  readonly accepted: number;
  readonly sent: number;
}

/** Consecutive bytes of one writer, as positions in the stream. */
interface Run extends Linked<Run> {
  readonly start: number;
  end: number;
}

/**
 * Tracks the bytes of one of several writers of a stream: how many have been sent. Others may write in between.
 *
 * Consecutive chunks extend one run, and the last run is kept after it is sent: a bulk transfer allocates nothing here.
 */
export class SentTracker {
  readonly #writes: Totals;
  readonly #runs = new LinkedList<Run>();
  /** Bytes of runs that were sent and removed. */
  #sent = 0;

  constructor(writes: Totals) {
    this.#writes = writes;
  }

  /** Adds `length` bytes of this writer. Call it right after they were accepted. */
  add(length: number): void {
    if (length === 0) return;
    const { accepted: end } = this.#writes;
    const start = end - length;
    const { last } = this.#runs;
    if (last?.end === start) last.end = end;
    else this.#runs.add({ start, end });
  }

  /** Returns how many of the bytes have been sent. Call it whenever bytes were sent, or queued bytes were replaced. */
  sent(): number {
    const { sent, accepted } = this.#writes;
    this.#dropReplaced(accepted);
    let first = this.#runs.first;
    for (; first?.next && first.end <= sent; first = this.#runs.first) {
      this.#sent += first.end - first.start;
      this.#runs.remove(first);
    }
    return first ? this.#sent + Math.max(0, Math.min(sent, first.end) - first.start) : this.#sent;
  }

  /** Whether any of the bytes is still pending. */
  get isWaiting(): boolean {
    const { last } = this.#runs;
    return last !== undefined && last.end > this.#writes.sent;
  }

  /** Removes replaced bytes: they are never sent, and other bytes now have their positions. */
  #dropReplaced(accepted: number): void {
    for (let last = this.#runs.last; last && last.end > accepted; last = this.#runs.last) {
      if (last.start >= accepted) this.#runs.remove(last);
      else last.end = accepted;
    }
  }
}
