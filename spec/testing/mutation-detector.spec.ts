import { describe, expect, it } from 'vitest';
import { MutationDetector } from '../../src/testing/mutation-detector.ts';

describe('MutationDetector', () => {
  it('detects that bytes were changed, also those of a Buffer', () => {
    for (const bytes of [Uint8Array.of(1, 2), Buffer.of(1, 2)]) {
      const detector = new MutationDetector();
      detector.track(bytes, 'bytes that passed');
      expect(detector.changed()).toBe(undefined);
      bytes[1] = 3;
      expect(detector.changed()).toBe('bytes that passed were <01 02> and became <01 03>');
    }
  });
});
