import { isIP, SocketAddress } from 'node:net';
import { describe, expect, it } from 'vitest';
import { formatIp, ipFamily, parseIp } from '../../src/protocol/ip-address.ts';

const hex = (text: string): string | undefined => {
  const bytes = parseIp(text);
  return bytes && Buffer.from(bytes).toString('hex');
};

describe('ipBytes', () => {
  it.each([
    ['127.0.0.1', '7f000001'],
    ['255.255.255.255', 'ffffffff'],
    ['0.0.0.0', '00000000'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['1::', `0001${'00'.repeat(14)}`],
    ['2001:DB8::8:800:200C:417A', '20010db80000000000080800200c417a'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1::3:4:5:6:7:8', '00010000000300040005000600070008'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
  ])('knows %s', (text, bytes) => {
    expect(hex(text)).toBe(bytes);
  });

  it.each([
    '',
    'example.com',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4:',
    'abc',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '::12345',
  ])('knows no address %j', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it.each(['::1]/@[::2', '[::1]', 'fe80::1%eth0', ' ::1', '1.2.3.4 ', '::1\n', 'http://[::1]'])('takes %j for a name', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it('agrees with node:net on what is an address', () => {
    const pieces = ['', ':', '::', '1', 'ffff', '0', '1.2.3.4', '256.1.1.1', '10.0.0.01', 'g'];
    for (const a of pieces) {
      for (const b of pieces) {
        for (const c of pieces) {
          const text = `${a}${b}${c}`;
          expect(parseIp(text)?.length ?? 0, text).toBe({ 0: 0, 4: 4, 6: 16 }[isIP(text)]);
        }
      }
    }
  });
});

describe('ipText', () => {
  it.each(['127.0.0.1', '0.0.0.0', '::', '::1', '1::', '2001:db8::8:800:200c:417a', '1:2:3:4:5:6:7:8', '1:0:0:2::3'])(
    'writes %s',
    (text) => {
      expect(formatIp(parseIp(text)!)).toBe(text);
    },
  );

  it('writes what node:net takes for the same address', () => {
    for (let seed = 0; seed < 500; seed += 1) {
      const bytes = Uint8Array.from({ length: 16 }, (_, at) => ((seed >> (at % 9)) & 1) * ((seed * 37 + at * 101) & 255));
      const plain = Array.from({ length: 8 }, (_, at) => Buffer.from(bytes.subarray(2 * at, 2 * at + 2)).toString('hex')).join(':');
      const address = (text: string): string => new SocketAddress({ address: text, family: 'ipv6' }).address;
      expect(address(formatIp(bytes)), plain).toBe(address(plain));
      expect(Buffer.from(parseIp(formatIp(bytes))!).equals(bytes), plain).toBe(true);
    }
  });
});

describe('ipFamily', () => {
  it.each([
    '127.0.0.1',
    '::1',
    'fe80::1%eth0',
    '1.2.3.4%1',
    '::1%',
    '::1%a%b',
    '::1% ',
    '%1',
    '',
    'a.test',
    '01.2.3.4',
    '::ffff:1.2.3.4',
    'a:b',
  ])('is the same as isIP of node:net for %j', (text) => expect(ipFamily(text)).toBe(isIP(text)));
});
