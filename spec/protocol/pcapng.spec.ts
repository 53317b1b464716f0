import { describe, expect, it } from 'vitest';
import { captureHeader, DIRECTION, encodePacket, encodeTlsSecrets } from '../../src/protocol/pcapng.ts';
import { bytesOfHex } from '../support/bytes-of-hex.ts';
import { readBlocks, readOptions } from '../support/read-pcapng.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').replace(/.{8}/g, '$& ').trimEnd();

describe('captureHeader', () => {
  it('is a section of version 1.0 without a length, and an interface of raw IP packets with times in microseconds', () => {
    expect(hexOf(captureHeader('wire'))).toBe(
      [
        '0a0d0d0a 34000000 4d3c2b1a 01000000 ffffffff ffffffff', // type, length, byte order, version, length of the section
        '04000e00 72786a73 2d696f2d 73747265 616d0000 00000000 34000000', // the application, the end of the options
        '01000000 28000000 65000000 00000000', // type, length, LINKTYPE_RAW, no limit of packets
        '02000400 77697265 09000100 06000000 00000000 28000000', // the name, microseconds
      ].join(' '),
    );
  });
});

describe('encodePacket', () => {
  it('has the time in microseconds, both lengths, the parts with padding, the comment and the direction', () => {
    const parts = ['45 00', '01 02 03'].map(bytesOfHex);
    const block = encodePacket({ at: 1_780_000_000_000.25, direction: DIRECTION.OUTBOUND, parts, length: 9, comment: 'x' });
    const [high, low] = [Math.floor(1_780_000_000_000_250 / 2 ** 32), 1_780_000_000_000_250 % 2 ** 32];
    const time = Buffer.alloc(8);
    time.writeUInt32LE(high);
    time.writeUInt32LE(low, 4);
    expect(hexOf(block)).toBe(
      `06000000 3c000000 00000000 ${hexOf(time)} 05000000 09000000 45000102 03000000 01000100 78000000 02000400 02000000 00000000 3c000000`,
    );
  });

  it('cuts a comment to what an option holds', () => {
    const block = encodePacket({ at: 0, direction: DIRECTION.INBOUND, parts: [], length: 0, comment: 'x'.repeat(70_000) });
    const [{ body } = { body: Buffer.alloc(0) }] = readBlocks(block);
    expect(readOptions(body.subarray(20)).get(1)?.length).toBe(65_535);
  });

  it('writes no time before 1970', () => {
    expect(hexOf(encodePacket({ at: -5, direction: DIRECTION.INBOUND, parts: [], length: 0 })).slice(27, 44)).toBe('00000000 00000000');
  });
});

describe('encodeTlsSecrets', () => {
  it('has the type TLSK, the length and the lines with padding', () => {
    expect(hexOf(encodeTlsSecrets(Buffer.from('abcde')))).toBe('0a000000 1c000000 4b534c54 05000000 61626364 65000000 1c000000');
  });
});
