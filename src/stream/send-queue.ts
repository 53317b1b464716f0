interface QueuedSend {
  readonly turn: (leave: () => void) => void;
  readonly leave: () => void;
  started: boolean;
}

/** Queues sends: one is active at a time, in the order in which they joined. */
export class SendQueue {
  readonly #isOpen: () => boolean;
  readonly #onLeave: () => void;
  readonly #queued: QueuedSend[] = [];
  #starting = false;

  /**
   * @param isOpen whether a send may still start.
   * @param onLeave called after a send has left the queue.
   */
  constructor(isOpen: () => boolean, onLeave: () => void) {
    this.#isOpen = isOpen;
    this.#onLeave = onLeave;
  }

  get length(): number {
    return this.#queued.length;
  }

  /**
   * Adds a send to the queue.
   *
   * @param turn called when the send is at the front, with the function that leaves the queue.
   * @returns the same function.
   */
  join(turn: (leave: () => void) => void): () => void {
    const leave = (): void => {
      const at = this.#queued.indexOf(send);
      if (at < 0) return;
      this.#queued.splice(at, 1);
      this.#start();
      this.#onLeave();
    };
    const send: QueuedSend = { turn, leave, started: false };
    this.#queued.push(send);
    this.#start();
    return leave;
  }

  /** Starts the send at the front. A loop, not recursion: sends that complete synchronously do not deepen the stack. */
  #start(): void {
    if (this.#starting) return;
    this.#starting = true;
    try {
      for (let head = this.#queued[0]; head && !head.started && this.#isOpen(); head = this.#queued[0]) {
        head.started = true;
        head.turn(head.leave);
      }
    } finally {
      this.#starting = false;
    }
  }
}
