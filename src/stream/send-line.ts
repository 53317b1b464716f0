interface Place {
  readonly turn: (leave: () => void) => void;
  readonly leave: () => void;
  started: boolean;
}

/** The line in which sends wait for each other. */
export class SendLine {
  readonly #isOpen: () => boolean;
  readonly #left: () => void;
  readonly #places: Place[] = [];
  #starting = false;

  /**
   * @param isOpen whether a send may still begin.
   * @param left called when one has left the line.
   */
  constructor(isOpen: () => boolean, left: () => void) {
    this.#isOpen = isOpen;
    this.#left = left;
  }

  get length(): number {
    return this.#places.length;
  }

  /** Waits; `turn` is given, and the result is, the way to leave the line. */
  join(turn: (leave: () => void) => void): () => void {
    const leave = (): void => {
      const at = this.#places.indexOf(place);
      if (at < 0) return;
      this.#places.splice(at, 1);
      this.#start();
      this.#left();
    };
    const place: Place = { turn, leave, started: false };
    this.#places.push(place);
    this.#start();
    return leave;
  }

  /** One loop, not recursion: a send that is through at once is followed by the next one on the same stack. */
  #start(): void {
    if (this.#starting) return;
    this.#starting = true;
    try {
      for (let head = this.#places[0]; head && !head.started && this.#isOpen(); head = this.#places[0]) {
        head.started = true;
        head.turn(head.leave);
      }
    } finally {
      this.#starting = false;
    }
  }
}
