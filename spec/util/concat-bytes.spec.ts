import { expect, it } from 'vitest';
import { concatBytes } from '../../src/util/concat-bytes.ts';

it('concatBytes joins chunks of any kind to plain bytes of their own', () => {
  const chunk = Uint8Array.of(1, 2);
  const all = concatBytes([chunk, new Uint8Array(0), Buffer.from([3])]);
  expect(all).toStrictEqual(Uint8Array.of(1, 2, 3));
  chunk[0] = 9;
  expect(all).toStrictEqual(Uint8Array.of(1, 2, 3));
  expect(concatBytes([])).toStrictEqual(new Uint8Array(0));
  expect(concatBytes([chunk]).buffer).not.toBe(chunk.buffer);
});
