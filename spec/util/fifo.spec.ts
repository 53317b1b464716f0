import { describe, expect, it } from 'vitest';
import { Fifo } from '../../src/util/fifo.ts';

describe('Fifo', () => {
  it('returns the items in the order in which they were added, also after thousands of them', () => {
    const queue = new Fifo<number>();
    const seen: (number | undefined)[] = [];
    for (let at = 0; at < 5000; at += 1) {
      queue.push(2 * at);
      queue.push(2 * at + 1);
      seen.push(queue.shift());
    }
    while (queue.length > 0) seen.push(queue.shift());
    expect(seen).toEqual(Array.from({ length: 10_000 }, (_, at) => at));
  });

  it('shows its first item without removing it', () => {
    const queue = new Fifo<string>();
    expect([queue.peek(), queue.shift()]).toEqual([undefined, undefined]);
    queue.push('a');
    expect([queue.peek(), queue.length, queue.shift(), queue.length]).toEqual(['a', 1, 'a', 0]);
  });

  it('is empty after clear', () => {
    const queue = new Fifo<string>();
    queue.push('a');
    queue.clear();
    expect([queue.length, queue.peek()]).toEqual([0, undefined]);
  });
});
