import { describe, expect, it } from 'vitest';
import { encodeText } from '../../src/codecs/encode-text.ts';

describe('encodeText', () => {
  it('encodes as TextEncoder does, whatever the length: ASCII, two to four bytes, lone surrogates', () => {
    for (const unit of ['a', 'ä', '…', '🌊', '\ud800'])
      for (const count of [0, 1, 2, 63, 1000, 2730, 2731, 5461, 16_384, 20_000]) {
        const text = unit.repeat(count);
        expect(Buffer.compare(encodeText(text), new TextEncoder().encode(text))).toBe(0);
      }
  });

  it('does not change the bytes of earlier texts', () => {
    const texts = Array.from({ length: 5000 }, (_, at) => `text ${at}`);
    const bytes = texts.map(encodeText);
    expect(bytes.map((each) => new TextDecoder().decode(each))).toEqual(texts);
  });

  it('returns bytes that end where the text ends, so that nothing more is exposed', () => {
    expect(encodeText('abc')).toHaveLength(3);
    expect(encodeText('')).toHaveLength(0);
  });
});
