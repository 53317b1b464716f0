import { LinkedList, type Linked } from '../util/linked-list.ts';

class QueuedSend implements Linked<QueuedSend> {
  previous: QueuedSend | undefined;
  next: QueuedSend | undefined;
  isQueued = true;
  isStarted = false;
  readonly turn: (leave: () => void) => void;
  readonly leave: () => void;

  constructor(turn: (leave: () => void) => void, leave: () => void) {
    this.turn = turn;
    this.leave = leave;
  }
}

/** Queues sends: one is active at a time, in the order in which they joined. */
export class SendQueue {
  readonly #isOpen: () => boolean;
  readonly #onLeave: () => void;
  readonly #queued = new LinkedList<QueuedSend>();
  #length = 0;
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
    return this.#length;
  }

  /**
   * Adds a send to the queue. Joining and leaving take constant time.
   *
   * @param turn called when the send is at the front, with the function that leaves the queue.
   * @returns the same function.
   */
  join(turn: (leave: () => void) => void): () => void {
    const leave = (): void => {
      if (!send.isQueued) return;
      send.isQueued = false;
      this.#queued.remove(send);
      this.#length -= 1;
      this.#start();
      this.#onLeave();
    };
    const send = new QueuedSend(turn, leave);
    this.#queued.add(send);
    this.#length += 1;
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
        head.turn(head.leave);
      }
    } finally {
      this.#starting = false;
    }
  }
}
