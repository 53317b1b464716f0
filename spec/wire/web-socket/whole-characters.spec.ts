import { describe, expect, it } from 'vitest';
import { wholeCharacters } from '../../../src/wire/web-socket/whole-characters.ts';

describe('wholeCharacters', () => {
  const text = 'a\u00e9\u20ac\u{1f600}z';
  const bytes = new TextEncoder().encode(text);

  it('cuts at every place so that both parts are whole characters', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const whole = wholeCharacters(bytes.subarray(0, cut));
      expect(cut - whole).toBeLessThan(4);
      expect(decoder.decode(bytes.subarray(0, whole)) + decoder.decode(bytes.subarray(whole))).toBe(text);
    }
  });

  it.each([
    ['nothing', [], 0],
    ['a lone following byte', [0x80], 1],
    ['three following bytes', [0x80, 0x80, 0x80], 3],
    ['an invalid first byte', [0x41, 0xff], 1],
  ])('leaves what is no UTF-8 to the decoder: %s', (_name, given, whole) => {
    expect(wholeCharacters(Uint8Array.from(given))).toBe(whole);
  });
});
