import { describe, expect, it } from 'vitest';
import { parseIpRanges } from '../../src/protocol/ip-ranges.ts';

const option = { name: 'allow', caller: 'listen' };

describe('parseIpRanges', () => {
  it('parses addresses and ranges in order', () => {
    expect(parseIpRanges(['10.0.0.0/8', '192.0.2.1', '::ffff:192.0.2.0/120'], option)).toEqual([
      { bytes: Uint8Array.of(10, 0, 0, 0), bits: 8 },
      { bytes: Uint8Array.of(192, 0, 2, 1), bits: 32 },
      { bytes: Uint8Array.of(192, 0, 2, 0), bits: 24 },
    ]);
  });

  it('refuses a hole in a list', () => {
    expect(() => parseIpRanges(Object.assign([], { 1: '10.0.0.1' }), option)).toThrow(
      'expected `allow[0]` of listen to be an IP address or a range',
    );
  });

  it.each<[unknown, string]>([
    ['10.0.0.1/8', '"10.0.0.1/8"'],
    ['localhost', '"localhost"'],
    ['x'.repeat(1000), `"${'x'.repeat(60)}"`],
    [7, 'a number'],
    [undefined, 'undefined'],
  ])('refuses %j, and names the option and the entry', (entry, got) => {
    expect(() => parseIpRanges(['::1', entry as string], option)).toThrow(
      new TypeError(
        `expected \`allow[1]\` of listen to be an IP address or a range such as 10.0.0.0/8, without bits after its prefix, got ${got}`,
      ),
    );
  });
});
