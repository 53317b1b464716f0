import { LinkedList, type Linked } from '../util/linked-list.ts';

interface QueuedSend extends Linked<QueuedSend> {
  isStarted: boolean;
  readonly start: () => void;
}

/** Queues sends: one is active at a time, in the order in which they joined. */
export class SendQueue {
  readonly #isOpen: () => boolean;
  readonly #onLeave: () => void;
  readonly #queued = new LinkedList<QueuedSend>();
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
    return this.#queued.size;
  }

  /**
   * Adds a send to the queue. Joining and leaving take constant time.
   *
   * @param turn called when the send is at the front, with the function that leaves the queue.
   * @returns the same function.
   */
  join(turn: (leave: () => void) => void): () => void {
    const leave = (): void => {
      if (!this.#queued.remove(send)) return;
      this.#start();
      this.#onLeave();
    };
    const send = this.#queued.add({ isStarted: false, start: () => turn(leave) });
    this.#start();
    return leave;
  }

  /** Starts the send at the front. A loop, not recursion: sends that complete synchronously do not deepen the stack. */
  #start(): void {
    if (this.#starting) return;
    this.#starting = true;
    try {
      for (let head = this.#queued.first; head && !head.isStarted && this.#isOpen(); head = this.#queued.first) {
        head.isStarted = true;
        head.start();
      }
    } finally {
      this.#starting = false;
    }
  }
}
