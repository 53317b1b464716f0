import { describe, expect, it } from 'vitest';
import { OutputQueue } from '../../src/stream/output-queue.ts';
import { assertSameBytes } from '../support/assert-same-bytes.ts';
import { pattern } from './tools.ts';
import { cpuTime } from '../support/cpu-time.ts';

const PIECE = 256 * 1024;

function drain(queue: OutputQueue): Buffer[] {
  const pieces: Buffer[] = [];
  while (queue.length > 0) pieces.push(queue.next()!);
  return pieces;
}

describe('OutputQueue', () => {
  it('returns the pushed bytes in order, in pieces of at most 256 KiB', () => {
    for (let seed = 1; seed < 80; seed += 1) {
      const queue = new OutputQueue();
      const pushed: Buffer[] = [];
      const got: Buffer[] = [];
      let state = seed;
      const random = (below: number): number => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
      };
      for (let step = 0; step < 40; step += 1) {
        const size = [0, 1, 100, 4095, 4096, 4097, 70_000, PIECE, PIECE + 1, 600_000][random(seed % 4 === 0 ? 10 : 6)] ?? 0;
        const bytes = pattern(size, seed * 100 + step);
        queue.push(bytes);
        pushed.push(bytes);
        if (random(3) === 0 && queue.length > 0) got.push(queue.next()!);
        if (random(10) === 0) expect(queue.content.length).toBe(queue.length);
      }
      got.push(...drain(queue));
      assertSameBytes(got, pushed);
      expect(
        got.every(({ length }) => length > 0 && length <= PIECE),
        `seed ${seed}`,
      ).toBe(true);
    }
  });

  it('joins small chunks into one, and returns large ones without a copy', () => {
    const queue = new OutputQueue();
    const big = pattern(4096);
    for (const bytes of [Buffer.from('a'), Buffer.from('b'), big, Buffer.from('c')]) queue.push(bytes);
    const pieces = drain(queue);
    expect(pieces.map(({ length }) => length)).toStrictEqual([2, 4096, 1]);
    expect(pieces[1]?.buffer).toBe(big.buffer);
  });

  it('frees returned chunks although it is never empty', () => {
    const queue = new OutputQueue();
    queue.push(pattern(5000));
    const refs: WeakRef<Buffer>[] = [];
    for (let each = 0; each < 3000; each += 1) {
      const bytes = Buffer.alloc(each % 2 ? 5000 : 50);
      refs.push(new WeakRef(bytes));
      queue.push(bytes);
      queue.next();
    }
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      (globalThis as { gc?: () => void }).gc?.();
      const held = refs.filter((ref) => ref.deref() !== undefined).length;
      expect(held <= 3, `${held} chunks are held, ${queue.length} bytes are queued`).toBe(true);
    });
  });

  it('returns its content as one buffer, which can be replaced', () => {
    const queue = new OutputQueue();
    expect(queue.content.length).toBe(0);
    queue.push(Buffer.from('ab'));
    queue.push(Buffer.from('cd'));
    expect([String(queue.content), queue.length]).toStrictEqual(['abcd', 4]);
    queue.content = Buffer.from('x');
    queue.push(Buffer.from('y'));
    assertSameBytes(drain(queue), 'xy');
    queue.content = Buffer.alloc(0);
    expect([queue.length, queue.content.length]).toStrictEqual([0, 0]);
  });

  it('keeps the content and moves the position if a position is set', () => {
    const queue = new OutputQueue();
    queue.content = pattern(600_000);
    queue.position = 10;
    expect(queue.length).toBe(599_990);
    assertSameBytes(drain(queue), pattern(600_000).subarray(10));
    expect([queue.position, queue.length, queue.content.length]).toStrictEqual([600_000, 0, 600_000]);
    queue.push(Buffer.from('more'));
    assertSameBytes(drain(queue), 'more');
    queue.position = 1_000_000;
    expect(queue.length).toBe(0);
    queue.position = undefined;
    expect(queue.length).toBe(600_004);
  });

  it('accepts 1,000,000 one-byte chunks and a large one in linear time', () => {
    const queue = new OutputQueue();
    const one = Buffer.from('x');
    const start = cpuTime();
    for (let each = 0; each < 1_000_000; each += 1) queue.push(one);
    queue.push(Buffer.alloc(64 * 2 ** 20));
    let total = 0;
    while (queue.length > 0) total += queue.next()!.length;
    const took = cpuTime() - start;
    expect(total).toBe(1_000_000 + 64 * 2 ** 20);
    expect(took < 2000, `${took} ms`).toBe(true);
  });

  it('copies one-byte views of larger buffers together, and does not modify the bytes of the caller', () => {
    const { gc } = globalThis as { gc?: () => void };
    const used = (): number => {
      gc?.();
      gc?.(); // Node subtracts the memory of freed buffers at the next collection.
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const queue = new OutputQueue();
    const before = used();
    for (let each = 0; each < 2 ** 20; each += 1) queue.push(Buffer.allocUnsafeSlow(64).fill(each).subarray(0, 1));
    const grown = used() - before;
    expect(grown < 4 * 2 ** 20, `${grown} bytes for ${queue.length}`).toBe(true);
    assertSameBytes(drain(queue), Buffer.from(Array.from({ length: 2 ** 20 }, (_, each) => each)));
    const own = Buffer.from('x');
    for (let each = 0; each < 5000; each += 1) queue.push(own);
    expect(String(own)).toBe('x');
  });

  it('returns large chunks in order between small ones that were joined', () => {
    for (const size of [1, 7, 64, 3000]) {
      const queue = new OutputQueue();
      const pushed: Buffer[] = [];
      const got: Buffer[] = [];
      for (let each = 0; each < 3000; each += 1) {
        const bytes = pattern(each % 700 === 699 ? 5000 : size, each);
        queue.push(bytes);
        pushed.push(bytes);
        if (each % 250 === 0) got.push(queue.next()!);
        if (each === 2000) expect(queue.content.length).toBe(queue.length);
      }
      got.push(...drain(queue));
      assertSameBytes(got, pushed);
    }
  });

  /** Ways to lose the bytes of a buffer after the queue has accepted it. */
  const LOSSES: Readonly<Record<string, () => readonly [bytes: Buffer, lose: () => void]>> = {
    'a small buffer that was detached': () => detachable(8),
    'a large buffer that was detached': () => detachable(600_000),
    'a view of a resizable buffer that has shrunk': () => {
      const memory = resizable(8);
      return [Buffer.from(memory, 4, 4), () => memory.resize(4)];
    },
  };
  /** TypeScript's library does not know resizable buffers yet. */
  const resizable = (size: number): ArrayBuffer & { resize(size: number): void } =>
    Reflect.construct(ArrayBuffer, [size, { maxByteLength: size * 2 }]) as ArrayBuffer & { resize(size: number): void };
  const detachable = (size: number): readonly [Buffer, () => void] => {
    const memory = new ArrayBuffer(size);
    return [Buffer.from(memory), () => void structuredClone(memory, { transfer: [memory] })];
  };

  for (const [name, make] of Object.entries(LOSSES)) {
    it(`returns undefined for ${name}, wherever it is queued`, () => {
      for (const use of ['alone', 'first', 'between', 'last', 'shown', 'at a position', 'among many'] as const) {
        const queue = new OutputQueue();
        const [bytes, lose] = make();
        if (use === 'last' || use === 'between' || use === 'shown') queue.push(Buffer.from('before'));
        if (use === 'at a position') {
          queue.content = bytes;
          queue.position = 1;
        } else queue.push(bytes);
        if (use === 'first' || use === 'between' || use === 'shown') queue.push(Buffer.from('after'));
        lose();
        if (use === 'shown') expect(queue.content.length).toBeGreaterThan(0);
        if (use === 'among many') for (let each = 0; each < 3000; each += 1) queue.push(Buffer.from('x'));
        const before = use === 'last' || use === 'between' || use === 'shown' ? ['before'] : [];
        for (const text of before) expect(String(queue.next()), use).toBe(text);
        expect(queue.next(), use).toBe(undefined);
        expect(queue.next(), `${use}: returns nothing after the gap`).toBe(undefined);
        expect(queue.length > 0, use).toBe(true);
      }
    });
  }
});
