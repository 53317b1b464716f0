/**
 * Says which of the bytes that a layer was given are inside which of those it made of them, so that it can tell `sent` in the
 * application's bytes. For layers that change lengths.
 *
 * ```text
 *   given ─────▶ layer ─────▶ made        settle: what was given so far is inside what was made so far
 *   news ◀────── ledger ◀──── sent        so many of those given have left now
 * ```
 *
 * All numbers are totals since the start.
 */
export class Ledger {
  /** Bytes given to the layer, counted up by it. */
  given = 0;
  /** Bytes that it made of them and handed down, counted up by it; before they go, since they may be sent at once. */
  made = 0;
  #left = 0;
  #told = 0;
  readonly #entries: { given: number; readonly made: number }[] = [];

  /** All bytes given so far, but for the last `held`, are inside what was made so far. */
  settle(held = 0): void {
    const last = this.#entries.at(-1);
    const given = this.given - held;
    if (last?.made === this.made) last.given = given;
    else this.#entries.push({ given, made: this.made });
  }

  /** So many more of the bytes we made have left: returns how many more of those we were given have. */
  sent(bytes: number): number {
    this.#left += bytes;
    const before = this.#told;
    let count = 0;
    for (const { given, made } of this.#entries) {
      if (made > this.#left) break;
      this.#told = given;
      count += 1;
    }
    if (count > 0) this.#entries.splice(0, count);
    return this.#told - before;
  }
}
