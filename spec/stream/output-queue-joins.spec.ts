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

  it('keeps the bytes of each `content` as they were when it was read', () => {
    const queue = new OutputQueue();
    const views: Buffer[] = [];
    const expected: string[] = [];
    let all = '';
    for (let each = 0; each < 200; each += 1) {
      all += `${each},`;
      queue.push(Buffer.from(`${each},`));
      views.push(queue.content);
      expected.push(all);
    }
    expect(views.map(String)).toStrictEqual(expected);
  });

  it('does not copy all bytes again for each `content` between two chunks', () => {
    const queue = new OutputQueue();
    const memory = new Set<ArrayBufferLike>();
    for (let each = 0; each < 1000; each += 1) {
      queue.push(Buffer.alloc(64));
      memory.add(queue.content.buffer);
    }
    expect(memory.size).toBeLessThan(30);
  });

  it('appends to a copy after the content was replaced by an earlier one', () => {
    const queue = new OutputQueue();
    const push = (text: string): Buffer => {
      queue.push(Buffer.from(text));
      return queue.content;
    };
    push('a');
    const early = push('b');
    const late = push('c');
    queue.content = early;
    expect(push('d').toString()).toBe('abd');
    expect([early, late].map(String)).toStrictEqual(['ab', 'abc']);
  });

  it('does not change what was read when written bytes are removed and others follow', () => {
    const queue = new OutputQueue();
    for (const text of ['a', 'b', 'c']) queue.push(Buffer.from(text));
    const before = queue.content;
    const written = queue.next();
    for (const text of ['d', 'e']) queue.push(Buffer.from(text));
    expect([before, written, queue.content].map(String)).toStrictEqual(['abc', 'abc', 'de']);
  });
});
