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
  /** Pending runs from `#head` on. Not removed by `shift`, which copies a long array. */
  #runs: Run[] = [];
  #head = 0;
  /** Bytes of runs that were sent and removed. */
  #sent = 0;

  constructor(writes: Totals) {
    this.#writes = writes;
  }

  /** Adds `length` bytes of this writer. Call it right after they were accepted. */
  add(length: number): void {
    if (length === 0) return;
    const { accepted } = this.#writes;
    const last = this.#last();
    if (last?.end === accepted - length) last.end = accepted;
    else this.#runs.push({ start: accepted - length, end: accepted });
  }

  /** Returns how many of the bytes have been sent. Call it whenever bytes were sent, or queued bytes were replaced. */
  sent(): number {
    const { sent, accepted } = this.#writes;
    this.#dropReplaced(accepted);
    const runs = this.#runs;
    let first = runs[this.#head];
    while (first && first.end <= sent && this.#head < runs.length - 1) {
      this.#sent += first.end - first.start;
      this.#head += 1;
      first = runs[this.#head];
    }
    if (this.#head >= 1024 && this.#head * 2 >= runs.length) {
      this.#runs = runs.slice(this.#head);
      this.#head = 0;
    }
    return first ? this.#sent + Math.max(0, Math.min(sent, first.end) - first.start) : this.#sent;
  }

  /** Whether any of the bytes is still pending. */
  get isWaiting(): boolean {
    const last = this.#last();
    return last !== undefined && last.end > this.#writes.sent;
  }

  /** Removes replaced bytes: they are never sent, and other bytes now have their positions. */
  #dropReplaced(accepted: number): void {
    for (let last = this.#last(); last && last.end > accepted; last = this.#last()) {
      if (last.start >= accepted) this.#runs.pop();
      else last.end = accepted;
    }
  }

  #last(): Run | undefined {
    return this.#runs.length > this.#head ? this.#runs.at(-1) : undefined;
  }
}
