/** An entry of a {@link LinkedList}. It is in at most one list at a time. */
export interface Linked<E> {
  previous: E | undefined;
  next: E | undefined;
}

/**
 * A list from which any entry is removed in constant time, in order of arrival.
 *
 * In an array, removing from the front moves all others. In a `Map` or `Set`, finding the oldest entry skips all removed ones each time.
 */
export class LinkedList<E extends Linked<E>> {
  first: E | undefined;
  /** The number of entries. */
  size = 0;
  #last: E | undefined;

  add(entry: E): void {
    entry.previous = this.#last;
    if (this.#last) this.#last.next = entry;
    else this.first = entry;
    this.#last = entry;
    this.size += 1;
  }

  /** Removes an entry of this list. Clears its links, so that a removed entry does not keep newer ones in memory. */
  remove(entry: E): void {
    const { previous, next } = entry;
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
    entry.previous = entry.next = undefined;
    this.size -= 1;
  }
}
