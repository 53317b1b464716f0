/**
 * Maps the bytes that a layer accepted to the bytes that it produced from them, to report `sent` in bytes of the application. For
 * layers that change the length.
 *
 * ```text
 *   accepted ──▶ layer ─────▶ produced    settle: the bytes produced so far contain all bytes accepted so far
 *   sent ◀────── ledger ◀──── sent        how many more of the accepted bytes are sent
 * ```
 *
 * All numbers are totals since the start.
 */
export class Ledger {
  /** Bytes that the layer accepted. The layer updates it. */
  consumed = 0;
  /** Bytes that the layer produced and wrote. The layer updates it before each write, because bytes may be sent synchronously. */
  produced = 0;
  #sent = 0;
  #reported = 0;
  readonly #entries: { consumed: number; readonly produced: number }[] = [];

  /** Records that the bytes produced so far contain all bytes accepted so far, except the last `held`. */
  settle(held = 0): void {
    const last = this.#entries.at(-1);
    const { produced } = this;
    const consumed = this.consumed - held;
    if (last?.produced === produced) last.consumed = consumed;
    else this.#entries.push({ consumed, produced });
  }

  /** Counts more produced bytes as sent. Returns how many more accepted bytes are sent as a result. */
  sent(bytes: number): number {
    this.#sent += bytes;
    const before = this.#reported;
    let count = 0;
    for (const { consumed, produced } of this.#entries) {
      if (produced > this.#sent) break;
      this.#reported = consumed;
      count += 1;
    }
    if (count > 0) this.#entries.splice(0, count);
    return this.#reported - before;
  }
}
