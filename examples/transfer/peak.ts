/** The highest of several values: since the last look, and in all. */
export class Peak {
  #recent = 0;
  #highest = 0;

  add(value: number): void {
    if (value > this.#recent) this.#recent = value;
  }

  /** Returns the highest value since the last call. */
  recent(): number {
    const value = this.#recent;
    this.#highest = Math.max(this.#highest, value);
    this.#recent = 0;
    return value;
  }

  /** Returns the highest value of all. */
  highest(): number {
    return Math.max(this.#highest, this.#recent);
  }
}
