import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { MutationDetector } from '../../src/testing/bytes.ts';

describe('Witness', () => {
  it('sees that bytes were changed, also those of a Buffer', () => {
    for (const bytes of [Uint8Array.of(1, 2), Buffer.of(1, 2)]) {
      const witness = new MutationDetector();
      witness.see(bytes, 'bytes that passed');
      assert.equal(witness.changed(), undefined);
      bytes[1] = 3;
      assert.equal(witness.changed(), 'bytes that passed were <01 02> and became <01 03>');
    }
  });
});
