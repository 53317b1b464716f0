import { describe, expect, it } from 'vitest';
import { encodeFrame, FRAME } from '../../src/protocol/yamux.ts';
import { YamuxReader } from '../../src/protocol/yamux-reader.ts';
import { concatBytes } from '../../src/util/concat-bytes.ts';

const BYTES = concatBytes([
  encodeFrame(FRAME.DATA, 0, 1, 3),
  Uint8Array.of(1, 2, 3),
  encodeFrame(FRAME.PING, 1, 0, 7),
  encodeFrame(FRAME.DATA, 4, 2, 0),
  encodeFrame(FRAME.DATA, 0, 3, 1),
  Uint8Array.of(9),
]);
const EXPECTED = ['0:1:3', 1, 2, 3, '2:0:7', '0:2:0', '0:3:1', 9];

/** Reads chunks, and returns the frames and the bytes of their payloads. */
function read(...chunks: readonly Uint8Array[]): (string | number)[] {
  const seen: (string | number)[] = [];
  const reader = new YamuxReader({
    onFrame: ({ type, stream, length }) => {
      seen.push(`${type}:${stream}:${length}`);
      return true;
    },
    onPayload: (bytes) => void seen.push(...bytes),
  });
  for (const chunk of chunks) reader.push(chunk);
  expect(reader.isInFrame).toBe(false);
  return seen;
}

describe('YamuxReader', () => {
  it('reads whole input', () => expect(read(BYTES)).toStrictEqual(EXPECTED));

  it('reads byte by byte', () => expect(read(...[...BYTES].map((byte) => Uint8Array.of(byte)))).toStrictEqual(EXPECTED));

  it('reads input with any one or two cuts', () => {
    for (let a = 0; a <= BYTES.length; a += 1)
      for (let b = a; b <= BYTES.length; b += 1)
        expect(read(BYTES.subarray(0, a), BYTES.subarray(a, b), BYTES.subarray(b))).toStrictEqual(EXPECTED);
  });

  it('passes a chunk on that is all payload, without a copy or a view', () => {
    const seen: Uint8Array[] = [];
    const reader = new YamuxReader({ onFrame: () => true, onPayload: (bytes) => void seen.push(bytes) });
    const payload = Uint8Array.of(1, 2);
    reader.push(encodeFrame(FRAME.DATA, 0, 1, 2));
    reader.push(payload);
    expect(seen[0]).toBe(payload);
  });

  it('reports that input ended within a header or a payload', () => {
    for (const end of [1, 11, 12, 14]) {
      const reader = new YamuxReader({ onFrame: () => true, onPayload: () => undefined });
      reader.push(BYTES.subarray(0, end));
      expect([end, reader.isInFrame]).toStrictEqual([end, true]);
    }
  });

  it('ignores what follows a rejected frame', () => {
    const seen: unknown[] = [];
    const reader = new YamuxReader({ onFrame: ({ stream }) => seen.push(stream) < 2, onPayload: (bytes) => void seen.push(bytes.length) });
    reader.push(BYTES);
    reader.push(BYTES);
    expect(seen).toStrictEqual([1, 3, 0]);
  });
});
