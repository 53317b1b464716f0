import assert from 'node:assert/strict';
import { it } from 'vitest';
import { concatBytes } from '../../src/util/concat-bytes.ts';

it('concatBytes joins chunks of any kind to plain bytes of their own', () => {
  const chunk = Uint8Array.of(1, 2);
  const all = concatBytes([chunk, new Uint8Array(0), Buffer.from([3])]);
  assert.deepEqual(all, Uint8Array.of(1, 2, 3));
  chunk[0] = 9;
  assert.deepEqual(all, Uint8Array.of(1, 2, 3));
  assert.deepEqual(concatBytes([]), new Uint8Array(0));
  assert.notEqual(concatBytes([chunk]).buffer, chunk.buffer);
});
