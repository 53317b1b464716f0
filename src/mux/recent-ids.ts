/** Number of ids that are remembered at least. */
const MIN_IDS = 16_384;

/** Remembers the streams that were reset last. Their frames may still be on the way. */
export class RecentIds {
  /** Two generations: removing the oldest of one set would search for it. */
  #ids = new Set<number>();
  #older = new Set<number>();

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size < MIN_IDS) return;
    this.#older = this.#ids;
    this.#ids = new Set();
  }

  has(id: number): boolean {
    return this.#ids.has(id) || this.#older.has(id);
  }
}
