import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CODEC_RULES, RULES, type Rules } from '../../src/testing/rules/rules.ts';

const namesOf = (rules: Rules): string[] => Object.entries(rules).map(([number, { name }]) => `${number} ${name}`);

/** The first cells of the table of rules in a guide: `| 1 cold | …`. */
function rowsOf(guide: string): string[] {
  const page = readFileSync(new URL(`../../docs/guides/${guide}.md`, import.meta.url), 'utf8');
  return [...page.matchAll(/^\| (\d+ [a-z -]+) \|/gm)].map(([, name = '']) => name);
}

describe('the rules in the guides', () => {
  it.each(['your-own-wire', 'your-own-plugin'])('are those of a wire in %s.md, in order', (guide) => {
    expect(rowsOf(guide)).toEqual(namesOf(RULES));
  });

  it('are those of a codec in testing.md, in order', () => {
    expect(rowsOf('testing')).toEqual(namesOf(CODEC_RULES));
  });
});
