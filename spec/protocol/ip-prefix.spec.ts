import { describe, expect, it } from 'vitest';
import { parseIp } from '../../src/protocol/ip-address.ts';
import { hasSamePrefix } from '../../src/protocol/ip-prefix.ts';

describe('hasSamePrefix', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3', 32, true],
    ['10.1.2.3', '10.1.2.2', 32, false],
    ['10.1.2.3', '10.1.2.2', 31, true],
    ['10.1.2.3', '10.255.0.0', 8, true],
    ['10.1.2.3', '11.1.2.3', 8, false],
    ['10.1.2.3', '11.1.2.3', 7, true],
    ['10.1.2.3', '200.0.0.1', 0, true],
    ['::1', '::', 127, true],
    ['::1', '::', 128, false],
    ['::1', '0.0.0.1', 0, false],
  ])('compares %s with %s in %i bits: %j', (one, other, bits, same) => {
    expect(hasSamePrefix(parseIp(one)!, parseIp(other)!, bits)).toBe(same);
  });
});
