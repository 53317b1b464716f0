import { describe, expect, it } from 'vitest';
import { parsePlainIp } from '../../src/protocol/ip-list.ts';
import { parseIpRanges } from '../../src/protocol/ip-ranges.ts';
import { IpSet } from '../../src/protocol/ip-set.ts';
import { cpuTime } from '../support/cpu-time.ts';

const setOf = (...list: string[]): IpSet => new IpSet(parseIpRanges(list, { name: 'list', caller: 'a spec' }));
const find = (set: IpSet, address: string): string | undefined => set.find(parsePlainIp(address)!);

describe('IpSet', () => {
  it.each([
    ['10.255.0.1', '10.0.0.0/8'],
    ['::ffff:10.255.0.1', '10.0.0.0/8'],
    ['11.0.0.0', undefined],
    ['192.0.2.7', '192.0.2.7/32'],
    ['192.0.2.8', undefined],
    ['2001:db8::1', '2001:db8::/32'],
    ['2001:db9::1', undefined],
    ['a00::', undefined], // the same first byte as 10.0.0.0/8
  ])('finds for %s the range %s', (address, range) => {
    expect(find(setOf('10.0.0.0/8', '192.0.2.7', '2001:db8::/32'), address)).toBe(range);
  });

  it('has every IPv4 address in 0.0.0.0/0, and no IPv6 address', () => {
    expect([find(setOf('0.0.0.0/0'), '203.0.113.7'), find(setOf('0.0.0.0/0'), '::1')]).toEqual(['0.0.0.0/0', undefined]);
  });

  it('has nothing without ranges', () => {
    expect(find(setOf(), '127.0.0.1')).toBeUndefined();
  });

  it('finds an address among 50,000 ranges as fast as among ten', () => {
    const ranges = (count: number): IpSet =>
      setOf(...Array.from({ length: count }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`));
    const [few, many] = [ranges(10), ranges(50_000)];
    const address = parsePlainIp('192.0.2.1')!;
    const time = (set: IpSet): number => {
      const start = cpuTime();
      for (let each = 0; each < 20_000; each += 1) set.find(address);
      return cpuTime() - start;
    };
    time(few);
    expect(time(many)).toBeLessThan(20 * Math.max(1, time(few)));
  });
});
