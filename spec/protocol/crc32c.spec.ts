import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/protocol/crc32c.ts';

describe('crc32c', () => {
  // RFC 3720 appendix B.4.
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 rising bytes', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    ['32 falling bytes', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
    ['the digits from 1 to 9', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('computes the published checksum of %s', (_, bytes, checksum) => {
    expect(crc32c(bytes).toString(16)).toBe(checksum.toString(16));
  });
});
