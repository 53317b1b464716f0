/** Totals since the start, of a stream: bytes that were accepted, and that have left. */
interface Totals {
  readonly accepted: number;
  readonly left: number;
}

/** Bytes of one writer with none of another between them, from one position to another. */
interface Run {
  readonly start: number;
  end: number;
}

/**
 * What one of several writers has given to a stream, and how much of it has left: others may write between.
 *
 * Chunks that follow upon each other are one run, and the last run stays when it has left: bulk makes no garbage here.
 */
export class Share {
  readonly #writes: Totals;
  readonly #runs: Run[] = [];
  /** Bytes of runs that were let go. */
  #gone = 0;

  constructor(writes: Totals) {
    this.#writes = writes;
  }

  /** So many bytes of this writer's were just accepted. */
  add(length: number): void {
    if (length === 0) return;
    const { accepted } = this.#writes;
    const last = this.#runs.at(-1);
    if (last?.end === accepted - length) last.end = accepted;
    else this.#runs.push({ start: accepted - length, end: accepted });
  }

  /** How many of the bytes have left. To be asked whenever bytes have left, or what waited was replaced. */
  left(): number {
    const { left, accepted } = this.#writes;
    const runs = this.#runs;
    // What was replaced will never leave, and its place is that of others now.
    for (let last = runs.at(-1); last && last.end > accepted; last = runs.at(-1)) {
      if (last.start >= accepted) runs.pop();
      else last.end = accepted;
    }
    for (let first = runs[0]; first && runs.length > 1 && first.end <= left; first = runs[0]) {
      this.#gone += first.end - first.start;
      runs.shift();
    }
    const first = runs[0];
    return first ? this.#gone + Math.max(0, Math.min(left, first.end) - first.start) : this.#gone;
  }

  /** Whether any of the bytes still waits. */
  get waits(): boolean {
    const last = this.#runs.at(-1);
    return last !== undefined && last.end > this.#writes.left;
  }
}
