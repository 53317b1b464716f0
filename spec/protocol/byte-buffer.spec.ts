import { describe, expect, it } from 'vitest';
import { ByteBuffer } from '../../src/protocol/byte-buffer.ts';
import { randomOf } from '../../src/testing/random-of.ts';
import { cpuTime } from '../support/cpu-time.ts';

const of = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const filled = (...parts: readonly string[]): ByteBuffer => {
  const buffer = new ByteBuffer();
  for (const part of parts) buffer.append(of(part));
  return buffer;
};

describe('ByteBuffer', () => {
  it('is empty at first', () => {
    const buffer = new ByteBuffer();
    expect([buffer.length, buffer.view().length, buffer.take(5).length]).toEqual([0, 0, 0]);
  });

  it('gives what was appended, in order', () => {
    const buffer = filled('ab', '', 'c', 'def');
    expect([buffer.length, text(buffer.view())]).toEqual([6, 'abcdef']);
  });

  it('takes from the start, and no more than there is', () => {
    const buffer = filled('abc', 'def');
    expect([buffer.take(0), buffer.take(2), buffer.take(3), buffer.take(9), buffer.take(1)].map(text)).toEqual(['', 'ab', 'cde', 'f', '']);
    expect(buffer.length).toBe(0);
  });

  it('keeps what is assigned without a copy, and does not write to it', () => {
    const mine = new Uint8Array(8).fill(1).subarray(0, 4);
    const buffer = filled('old');
    buffer.assign(mine);
    expect(buffer.view().buffer).toBe(mine.buffer);
    buffer.append(of('x'));
    expect([...new Uint8Array(mine.buffer)]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(buffer.length).toBe(5);
  });

  it('takes a chunk over without a copy when it is empty and the chunk is most of its slab', () => {
    const chunk = new Uint8Array(65536);
    const buffer = new ByteBuffer();
    buffer.append(chunk);
    expect(buffer.view().buffer).toBe(chunk.buffer);
    expect(buffer.take(100).buffer).toBe(chunk.buffer);
  });

  it('never changes a chunk it was given', () => {
    const slab = Uint8Array.from({ length: 16 }, (_, index) => index);
    const before = [...slab];
    const buffer = new ByteBuffer();
    buffer.append(slab.subarray(0, 10));
    buffer.append(of('more and more and more'));
    expect([...slab]).toEqual(before);
  });

  it('leaves views as they were when they were taken', () => {
    const buffer = filled('abc');
    const views = [buffer.view()];
    const texts = ['abc'];
    const random = randomOf(7);
    for (let turn = 0; turn < 500; turn += 1) {
      const at = random();
      if (at < 0.6) buffer.append(of(String(turn).repeat(1 + Math.floor(random() * 40))));
      else {
        const taken = buffer.take(Math.floor(random() * buffer.length));
        views.push(taken);
        texts.push(text(taken));
      }
      views.push(buffer.view());
      texts.push(text(buffer.view()));
    }
    expect(views.map(text)).toEqual(texts);
  });

  it('behaves like a plain string in 20 random runs', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = randomOf(seed);
      const buffer = new ByteBuffer();
      let model = '';
      for (let turn = 0; turn < 300; turn += 1) {
        if (random() < 0.5) {
          const part = String.fromCharCode(97 + (turn % 26)).repeat(Math.floor(random() ** 3 * 2000));
          buffer.append(of(part));
          model += part;
        } else {
          const count = Math.floor(random() * 800);
          expect(text(buffer.take(count)), `seed ${seed}`).toBe(model.slice(0, count));
          model = model.slice(count);
        }
        expect([buffer.length, text(buffer.view()) === model], `seed ${seed}`).toEqual([model.length, true]);
      }
    }
  });

  describe('keeps memory bounded by its bytes', () => {
    const kept = (buffer: ByteBuffer): number => buffer.view().buffer.byteLength;

    it('for 200,000 one-byte views that pin slabs of 64 KiB, in linear time', () => {
      const buffer = new ByteBuffer();
      const start = cpuTime();
      for (let turn = 0; turn < 200_000; turn += 1) {
        const slab = new Uint8Array(turn % 1000 === 0 ? 65536 : 64);
        buffer.append(slab.subarray(0, 1));
      }
      expect(cpuTime() - start).toBeLessThan(1000);
      expect(buffer.length).toBe(200_000);
      expect(kept(buffer)).toBeLessThanOrEqual(4 * 200_000);
    });

    it('for one byte of a slab', () => {
      const buffer = new ByteBuffer();
      buffer.append(new Uint8Array(65536).subarray(0, 1));
      expect(kept(buffer)).toBeLessThanOrEqual(256);
    });

    it('for one byte of a slab that was to be taken at once, after compact', () => {
      const slab = new Uint8Array(65536).fill(7);
      const buffer = new ByteBuffer();
      buffer.appendBriefly(slab.subarray(0, 2));
      expect(buffer.take(1).buffer).toBe(slab.buffer);
      buffer.compact();
      expect(kept(buffer)).toBeLessThanOrEqual(256);
      buffer.appendBriefly(of('x'));
      expect([...buffer.view()]).toEqual([7, 120]);
      expect(slab[2]).toBe(7);
    });

    it('when nearly all of it was taken', () => {
      const buffer = new ByteBuffer();
      buffer.append(new Uint8Array(1024 * 1024));
      buffer.take(1024 * 1024 - 1);
      expect(buffer.length).toBe(1);
      expect(kept(buffer)).toBeLessThanOrEqual(256);
    });

    it('when it was emptied', () => {
      const buffer = filled('a'.repeat(1000), 'b');
      buffer.take(1001);
      expect(kept(buffer)).toBe(0);
    });

    it('over many rounds of append and take', () => {
      const buffer = new ByteBuffer();
      for (let turn = 0; turn < 10_000; turn += 1) {
        buffer.append(new Uint8Array(100));
        if (turn > 0) buffer.take(100);
      }
      expect(buffer.length).toBe(100);
      expect(kept(buffer)).toBeLessThanOrEqual(1000);
    });
  });

  it('copies each byte a few times at most, however it is taken', () => {
    const buffer = new ByteBuffer();
    buffer.append(new Uint8Array(1024 * 1024));
    const memories = new Set<ArrayBufferLike>();
    let copied = 0;
    while (buffer.length > 0) {
      const { buffer: memory } = buffer.view();
      if (!memories.has(memory)) copied += memories.size > 0 ? buffer.length : 0;
      memories.add(memory);
      buffer.take(7);
    }
    expect(copied).toBeLessThan(1024 * 1024);
  });

  it('reports whether it holds a single chunk that no other code has seen', () => {
    const chunk = of('abc');
    const whatIf = (happens: (buffer: ByteBuffer) => unknown, unseen = true): boolean => {
      const buffer = new ByteBuffer();
      buffer.appendBriefly(chunk, unseen);
      happens(buffer);
      return buffer.exclusiveChunk === chunk;
    };
    expect(whatIf(() => undefined)).toBe(true);
    expect(whatIf(() => undefined, false)).toBe(false);
    expect(whatIf((buffer) => buffer.compact())).toBe(true);
    expect(whatIf((buffer) => buffer.view())).toBe(false);
    expect(whatIf((buffer) => buffer.append(of('d')))).toBe(false);
    expect(whatIf((buffer) => buffer.take(1))).toBe(false);
    expect(whatIf((buffer) => buffer.take(3))).toBe(false);
    expect(whatIf((buffer) => buffer.append(buffer.take(3)))).toBe(false);
    expect(whatIf((buffer) => buffer.assign(chunk))).toBe(false);
  });
});
