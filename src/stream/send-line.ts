interface Place {
  readonly turn: (leave: () => void) => void;
  readonly leave: () => void;
  started: boolean;
}

/** Queues sends: one is active at a time, in the order in which they joined. */
export class SendLine {
  readonly #isOpen: () => boolean;
  readonly #left: () => void;
  readonly #places: Place[] = [];
  #starting = false;

  /**
   * @param isOpen whether a send may still start.
   * @param left called after a send has left the queue.
   */
  constructor(isOpen: () => boolean, left: () => void) {
    this.#isOpen = isOpen;
    this.#left = left;
  }

  get length(): number {
    return this.#places.length;
  }

  /**
   * Adds a send to the queue.
   *
   * @param turn called when the send is at the front, with the function that leaves the queue.
   * @returns the same function.
   */
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

  /** Starts the send at the front. A loop, not recursion: sends that complete synchronously do not deepen the stack. */
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
