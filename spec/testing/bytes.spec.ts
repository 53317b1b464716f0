import { describe, expect, it } from 'vitest';
import { MutationDetector } from '../../src/testing/bytes.ts';

describe('Witness', () => {
  it('sees that bytes were changed, also those of a Buffer', () => {
    for (const bytes of [Uint8Array.of(1, 2), Buffer.of(1, 2)]) {
      const witness = new MutationDetector();
      witness.see(bytes, 'bytes that passed');
      expect(witness.changed()).toBe(undefined);
      bytes[1] = 3;
      expect(witness.changed()).toBe('bytes that passed were <01 02> and became <01 03>');
    }
  });
});
