import { describe, expect, it } from 'vitest';
import { formatIp, parseIp } from '../../src/protocol/ip-address.ts';
import { networkOf } from '../../src/protocol/ip-network.ts';

describe('networkOf', () => {
  it.each([
    ['192.0.2.255', 32, '192.0.2.255'],
    ['192.0.2.255', 31, '192.0.2.254'],
    ['192.0.2.255', 25, '192.0.2.128'],
    ['192.0.2.255', 24, '192.0.2.0'],
    ['192.0.2.255', 7, '192.0.0.0'],
    ['192.0.2.255', 0, '0.0.0.0'],
    ['2001:db8:1:2:3:4:5:6', 64, '2001:db8:1:2::'],
    ['2001:db8:1:2:3:4:5:6', 65, '2001:db8:1:2::'],
    ['2001:db8:1:2:ffff:4:5:6', 65, '2001:db8:1:2:8000::'],
  ])('of %s with %i bits is %s', (address, bits, network) => {
    expect(formatIp(networkOf(parseIp(address)!, bits))).toBe(network);
  });

  it('does not change the address', () => {
    const address = Uint8Array.of(10, 1, 2, 3);
    networkOf(address, 8);
    expect([...address]).toEqual([10, 1, 2, 3]);
  });
});
