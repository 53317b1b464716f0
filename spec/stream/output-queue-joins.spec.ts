import { describe, expect, it } from 'vitest';
import { OutputQueue } from '../../src/stream/output-queue.ts';

describe('OutputQueue', () => {
  it('does not copy a big chunk between many small ones that wait', () => {
    const queue = new OutputQueue();
    const big = Buffer.alloc(5000, 'b');
    const push = (count: number): void => {
      for (let each = 0; each < count; each += 1) queue.push(Buffer.from('s'));
    };
    push(600);
    queue.push(big);
    push(600);
    const pieces: Buffer[] = [];
    while (queue.length > 0) pieces.push(queue.next()!);
    expect(pieces.map(({ length }) => length)).toEqual([600, 5000, 600]);
    expect(pieces[1]).toBe(big);
  });
});
