/** Totals of a stream since its start: bytes accepted, and bytes sent. */
interface Totals {
  readonly accepted: number;
  readonly sent: number;
}

/** Consecutive bytes of one writer, as positions in the stream. */
interface Run {
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
  readonly #runs: Run[] = [];
  /** Bytes of runs that were sent and removed. */
  #sent = 0;

  constructor(writes: Totals) {
    this.#writes = writes;
  }

  /** Adds `length` bytes of this writer. Call it right after they were accepted. */
  add(length: number): void {
    if (length === 0) return;
    const { accepted } = this.#writes;
    const last = this.#runs.at(-1);
    if (last?.end === accepted - length) last.end = accepted;
    else this.#runs.push({ start: accepted - length, end: accepted });
  }

  /** Returns how many of the bytes have been sent. Call it whenever bytes were sent, or queued bytes were replaced. */
  sent(): number {
    const { sent, accepted } = this.#writes;
    const runs = this.#runs;
    // Replaced bytes are never sent, and other bytes now have their positions.
    for (let last = runs.at(-1); last && last.end > accepted; last = runs.at(-1)) {
      if (last.start >= accepted) runs.pop();
      else last.end = accepted;
    }
    for (let first = runs[0]; first && runs.length > 1 && first.end <= sent; first = runs[0]) {
      this.#sent += first.end - first.start;
      runs.shift();
    }
    const first = runs[0];
    return first ? this.#sent + Math.max(0, Math.min(sent, first.end) - first.start) : this.#sent;
  }

  /** Whether any of the bytes is still pending. */
  get isWaiting(): boolean {
    const last = this.#runs.at(-1);
    return last !== undefined && last.end > this.#writes.sent;
  }
}
