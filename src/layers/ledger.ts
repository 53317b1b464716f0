/**
 * Maps the bytes that a layer accepted to the bytes that it produced from them, to report `sent` in bytes of the application. For
 * layers that change the length.
 *
 * ```text
 *   given ─────▶ layer ─────▶ made        settle: the bytes made so far contain all bytes given so far
 *   news ◀────── ledger ◀──── sent        how many more of the given bytes are sent
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
  readonly #entries: { given: number; readonly made: number }[] = [];

  /** Records that the bytes produced so far contain all bytes accepted so far, except the last `held`. */
  settle(held = 0): void {
    const last = this.#entries.at(-1);
    const given = this.consumed - held;
    if (last?.made === this.produced) last.given = given;
    else this.#entries.push({ given, made: this.produced });
  }

  /** Counts more produced bytes as sent. Returns how many more accepted bytes are sent as a result. */
  sent(bytes: number): number {
    this.#sent += bytes;
    const before = this.#reported;
    let count = 0;
    for (const { given, made } of this.#entries) {
      if (made > this.#sent) break;
      this.#reported = given;
      count += 1;
    }
    if (count > 0) this.#entries.splice(0, count);
    return this.#reported - before;
  }
}
