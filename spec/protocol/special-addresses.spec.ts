import { describe, expect, it } from 'vitest';
import { parseIp } from '../../src/protocol/ip-address.ts';
import { specialPurposeOf } from '../../src/protocol/special-addresses.ts';

describe('specialPurposeOf', () => {
  it.each([
    ['0.0.0.0', '0.255.255.255', 'unspecified, this network (0.0.0.0/8, RFC 791 section 3.2)'],
    ['10.0.0.0', '10.255.255.255', 'private (10.0.0.0/8, RFC 1918 section 3)'],
    ['100.64.0.0', '100.127.255.255', 'shared by a carrier (CGNAT)'],
    ['127.0.0.0', '127.255.255.255', 'loopback (127.0.0.0/8, RFC 1122 section 3.2.1.3)'],
    ['169.254.0.0', '169.254.255.255', 'link-local'],
    ['172.16.0.0', '172.31.255.255', 'private'],
    ['192.0.0.0', '192.0.0.255', 'IETF'],
    ['192.0.2.0', '192.0.2.255', 'documentation'],
    ['192.88.99.0', '192.88.99.255', '6to4'],
    ['192.168.0.0', '192.168.255.255', 'private'],
    ['198.18.0.0', '198.19.255.255', 'benchmarking'],
    ['198.51.100.0', '198.51.100.255', 'documentation'],
    ['203.0.113.0', '203.0.113.255', 'documentation'],
    ['224.0.0.0', '239.255.255.255', 'multicast'],
    ['240.0.0.0', '255.255.255.254', 'reserved'],
    ['255.255.255.255', '255.255.255.255', 'limited broadcast'],
    ['::', '::', 'unspecified (::/128'],
    ['::1', '::1', 'loopback (::1/128'],
    ['::2', '::ffff:ffff', 'IPv4-compatible'],
    ['::ffff:0.0.0.0', '::ffff:8.8.8.8', 'IPv4-mapped'],
    ['::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8', 'IPv4-translated'],
    ['64:ff9b::0.0.0.0', '64:ff9b::255.255.255.255', 'NAT64 (64:ff9b::/96, RFC 6052 section 2.1)'],
    ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', 'NAT64 of a local network'],
    ['100::', '100::ffff:ffff:ffff:ffff', 'discard-only'],
    ['2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', 'Teredo'],
    ['2001:1::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', 'IETF'],
    ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 'documentation'],
    ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '6to4 (2002::/16'],
    ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', 'documentation'],
    ['5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'SRv6'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'unique local'],
    ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'link-local'],
    ['fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'site-local'],
    ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'multicast'],
    ['4000::', '5eff:ffff::', 'not global unicast'],
    ['200::', '1fff:ffff::', 'not global unicast'],
  ])('finds %s and %s to be %s', (first, last, words) => {
    for (const address of [first, last]) expect(specialPurposeOf(parseIp(address)!)?.startsWith(words)).toBe(true);
  });

  it.each([
    '1.0.0.0',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2000::',
    '2001:200::',
    '2001:4860:4860::8888',
    '2001:db7:ffff::',
    '2001:db9::',
    '2003::',
    '3ffe:ffff::',
    '3fff:1000::',
  ])('finds %s to be public', (address) => {
    expect(specialPurposeOf(parseIp(address)!)).toBeUndefined();
  });
});
