import { describe, expect, it } from 'vitest';
import { asciiText, hex, hexDump, readHex } from '../../src/util/hex.ts';

describe('hexDump', () => {
  it('formats full and partial rows as `hexdump -C` does', () => {
    const bytes = Uint8Array.from({ length: 19 }, (_, at) => 0x3c + at * 4);
    expect(hexDump(bytes)).toEqual([
      '00000000  3c 40 44 48 4c 50 54 58  5c 60 64 68 6c 70 74 78  |<@DHLPTX\\`dhlptx|',
      '00000010  7c 80 84                                          ||..|',
    ]);
  });

  it('numbers the rows from an offset', () => {
    expect(hexDump(Uint8Array.of(65), 0xabc)).toEqual([`00000abc  41${' '.repeat(46)}  |A|`]);
  });

  it('has no row for no bytes', () => {
    expect(hexDump(new Uint8Array(0))).toEqual([]);
  });
});

describe('readHex', () => {
  it('reads what hex formats', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(readHex(hex(bytes))).toEqual(bytes);
  });

  it('returns undefined for half a pair and for other digits', () => {
    expect([readHex('4a4'), readHex('4g'), readHex('')]).toEqual([undefined, undefined, new Uint8Array(0)]);
  });
});

describe('asciiText', () => {
  it('shows a dot for each byte that is not printable ASCII', () => {
    expect(asciiText(Uint8Array.of(0x1f, 0x20, 0x7e, 0x7f, 0xe9))).toBe('. ~..');
  });
});
