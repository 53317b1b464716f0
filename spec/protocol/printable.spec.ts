import { describe, expect, it } from 'vitest';
import { printable, quoted } from '../../src/protocol/printable.ts';

describe('printable', () => {
  it.each([
    ['C0 and DEL', '\0\u0007\u001b[31m\r\n\t\x7f', String.raw`\u0000\u0007\u001b[31m\u000d\u000a\u0009\u007f`],
    ['C1', '\u0080\u009b\u009f', String.raw`\u0080\u009b\u009f`],
    ['ends of lines and paragraphs', '\u0085\u2028\u2029', String.raw`\u0085\u2028\u2029`],
    ['changes of direction', '\u202e\u2066\u200f', String.raw`\u202e\u2066\u200f`],
    ['what has no width', '\u200b\ufeff\u{e0001}', String.raw`\u200b\ufeff\udb40\udc01`],
    ['a lone surrogate', 'a\ud800b', String.raw`a\ud800b`],
  ])('escapes %s', (_, text, shown) => expect(printable(text)).toBe(shown));

  it('leaves every other text alone', () => {
    const text = 'text "quoted" \\ \xa0 äöü € 語 😀';
    expect(printable(text)).toBe(text);
  });
});

describe('quoted', () => {
  it('quotes as JSON does, and stays JSON', () => {
    const text = 'a "b" \\ \n \u009b \u202e 😀';
    expect(quoted(text)).toBe(String.raw`"a \"b\" \\ \n \u009b \u202e 😀"`);
    expect(JSON.parse(quoted(text))).toBe(text);
  });
});
