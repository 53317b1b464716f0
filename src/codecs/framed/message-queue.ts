const EMPTY: never[] = [];

/** The decoded messages that have not been read. */
export class MessageQueue<T> {
  /** The messages from index `#read` on are unread. `shift` would copy a long array. */
  #messages: T[] = EMPTY;
  #read = 0;

  get length(): number {
    return this.#messages.length - this.#read;
  }

  push(message: T): void {
    if (this.#messages === EMPTY) this.#messages = [message];
    else this.#messages.push(message);
  }

  /** Removes and returns the first message. The queue must not be empty. */
  take(): T {
    const message = this.#messages[this.#read]!;
    this.#read += 1;
    if (this.length === 0) this.clear();
    return message;
  }

  clear(): void {
    this.#messages = EMPTY;
    this.#read = 0;
  }
}
