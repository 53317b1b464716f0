import { describe, expect, it } from 'vitest';
import { unknownOption } from '../../src/util/unknown-option.ts';

describe('unknownOption', () => {
  const messageOf = (name: string, others?: string): string => unknownOption(name, 'tool', ['size', 'name'], others).message;

  it('names the option first, then the most similar one, then all options', () => {
    expect(messageOf('nmae')).toBe('unknown option `nmae`; did you mean `name`? (tool takes size, name)');
    expect(messageOf('other', 'and more')).toBe('unknown option `other` (tool takes size, name, and more)');
  });

  it('shortens a long name and escapes control characters', () => {
    expect(messageOf(`\r\n${'x'.repeat(100)}`)).toBe(`unknown option \`\\r\\n${'x'.repeat(38)}\` (tool takes size, name)`);
  });
});
