import { describe, expect, it } from 'vitest';
import { isInRange, nodeIp, parseIpRange, parsePlainIp, plainIp } from '../../src/protocol/ip-list.ts';

const matches = (range: string, address: string): boolean => {
  const [parsed, bytes] = [parseIpRange(range), parsePlainIp(address)];
  if (!parsed || !bytes) throw new Error(`expected a range and an address, got ${range} and ${address}`);
  return isInRange(bytes, parsed);
};

describe('a range of addresses', () => {
  it.each([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['192.0.2.128/25', '192.0.2.128', true],
    ['192.0.2.128/25', '192.0.2.127', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1/32', '192.0.2.0', false],
    ['0.0.0.0/0', '203.0.113.7', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '203.0.113.7', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:a01:203', true],
    ['::ffff:10.0.0.0/104', '10.1.2.3', true],
    ['::ffff:0:0/96', '203.0.113.7', true],
    ['::ffff:10.0.0.0/104', '11.1.2.3', false],
    ['::10.0.0.1', '10.0.0.1', false],
  ])('%s, asked for %s, answers %s', (range, address, answer) => {
    expect(matches(range, address)).toBe(answer);
  });

  it.each([
    '',
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0',
    '010.0.0.0/8',
    'localhost',
    '::/129',
    '2001:db8::1/64',
    'fe80::1%eth0',
    ' ::1',
  ])('is not made of %j', (text) => {
    expect(parseIpRange(text)).toBe(undefined);
  });
});

describe('an address', () => {
  it.each([
    ['::FFFF:192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0::1', '2001:db8::1', '2001:db8::1'],
    ['fe80::1%2', 'fe80::1', 'fe80::1'],
    ['::ffff:1', '::ffff:1', '::ffff:1'], // not mapped: 0:0:0:0:0:0:ffff:1
    ['::ffff:c000:201%1', '192.0.2.1', '192.0.2.1'],
  ])('%s is shown as %s', (text, plain, node) => {
    const bytes = parsePlainIp(text) ?? expect.unreachable();
    expect([plainIp(text), nodeIp(bytes)]).toEqual([plain, node]);
  });

  it('that is mapped to IPv6 is shown as Node shows it', () => {
    expect(nodeIp(Uint8Array.of(...new Uint8Array(10), 255, 255, 192, 0, 2, 1))).toBe('::ffff:192.0.2.1');
  });

  it.each(['::ffff:192.0.2', '::ffff:192.0.2.256', '::ffff:192.0.2.01', '::ffff:'])('is not read from %s', (text) => {
    expect(parsePlainIp(text)).toBeUndefined();
  });

  it('that is a name stays as it is', () => {
    expect(plainIp('localhost')).toBe('localhost');
  });
});
