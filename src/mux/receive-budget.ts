/** A stream that holds unread bytes. */
export interface UnreadHolder {
  /** Bytes that were received and that its application has not taken. */
  readonly unread: number;
  /** Called when all streams hold more than the budget, and this one holds the most. */
  onOverBudget(total: number): void;
}

/** Limits the unread bytes of all streams of a mux together. */
export class ReceiveBudget {
  readonly limit: number;
  readonly #holders = new Set<UnreadHolder>();
  #total = 0;

  /** @param limit in bytes. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** The unread bytes of all streams. */
  get total(): number {
    return this.#total;
  }

  /** Adds bytes that `holder` now holds. Over the limit, calls the holder of the most bytes. */
  add(holder: UnreadHolder, bytes: number): void {
    this.#holders.add(holder);
    this.#total += bytes;
    if (this.#total <= this.limit) return;
    let most = holder;
    for (const each of this.#holders) if (each.unread > most.unread) most = each;
    most.onOverBudget(this.#total);
  }

  /** Removes bytes that `holder` no longer holds. */
  remove(holder: UnreadHolder, bytes: number): void {
    this.#total -= bytes;
    if (holder.unread === 0) this.#holders.delete(holder);
  }
}
