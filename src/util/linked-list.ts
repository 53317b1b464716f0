/** An entry of a {@link LinkedList}. It is in at most one list at a time. */
export interface Linked<E> {
  previous?: E | undefined;
  next?: E | undefined;
}

/**
 * A list from which any entry is removed in constant time, in order of arrival.
 *
 * In an array, removing from the front moves all others. In a `Map` or `Set`, finding the oldest entry skips all removed ones each time.
 */
export class LinkedList<E extends Linked<E>> {
  first: E | undefined;
  last: E | undefined;
  /** The number of entries. */
  size = 0;

  /** Adds an entry at the end, and returns it. */
  add(entry: E): E {
    entry.previous = this.last;
    if (this.last) this.last.next = entry;
    else this.first = entry;
    this.last = entry;
    this.size += 1;
    return entry;
  }

  /**
   * Removes an entry. Clears its links, so that a removed entry does not keep newer ones in memory.
   *
   * @returns false if the entry is in no list.
   */
  remove(entry: E): boolean {
    const { previous, next } = entry;
    if (!previous && this.first !== entry) return false;
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.last = previous;
    entry.previous = entry.next = undefined;
    this.size -= 1;
    return true;
  }
}
