import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as library from 'rxjs-io-stream';
import { IOStreamError } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${root}/docs/guides/troubleshooting.md`, 'utf8');

/** The text below each heading of the third level, by code. Headings may name several codes, and may share a text. */
const sections = new Map<string, string>();
for (const [, codes = '', text = ''] of page.matchAll(/^((?:### .+\n\n?)+)([^#][^]*?)(?=^#|(?![^]))/gm))
  for (const [code] of codes.matchAll(/\b[A-Z][A-Z_]+\b/g)) sections.set(code, text);

const ownCodes = Object.entries(library).flatMap(([name, value]) =>
  /^E[A-Z]{3,}$/.test(name) && typeof value === 'string' ? [value] : [],
);

/** The codes of Node and the system that the sources use in errors of their own. */
const usedCodes = [
  ...new Set(
    readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(`${root}/src/${file}`, 'utf8'))
      .flatMap((text) => [...text.matchAll(/(?:new IOStreamError|systemError)\('([A-Z_]+)'/g)])
      .map(([, code = '']) => code),
  ),
];

describe('the page for troubleshooting', () => {
  it('has a section for every code of the library', () => {
    expect(ownCodes.filter((code) => !sections.has(code))).toEqual([]);
  });

  it('has a section for every other code with which the sources make an error', () => {
    expect(usedCodes.length).toBeGreaterThan(5);
    expect(usedCodes.filter((code) => !sections.has(code))).toEqual([]);
  });

  it('has no section for a code that does not exist', () => {
    const known = new Set([...ownCodes, ...usedCodes, ...Object.keys(constants.errno), 'ENOTFOUND', 'EAI_AGAIN', 'ENFILE']);
    expect([...sections.keys()].filter((code) => !known.has(code))).toEqual([]);
  });

  const rows = [...page.matchAll(/^\| (E[A-Z]+) \| (-\d+) \| (yes|no|never)\b[^|]*\| \[.+\]\(#(\w+)\) \|$/gm)];

  it('lists every code of the library once', () => {
    expect(rows.map(([, code]) => code).sort()).toEqual(ownCodes.toSorted());
  });

  it.each(rows.map(([, code = '', errno, fatal, anchor]) => ({ code, errno: Number(errno), fatal, anchor })))(
    'states the number and the fatality of $code as in the source, and links to its section',
    ({ code, errno, fatal, anchor }) => {
      const error = new IOStreamError(code, { phase: 'read' });
      expect({ errno, fatal: fatal === 'yes', anchor }).toEqual({ errno: error.errno, fatal: error.fatal, anchor: code.toLowerCase() });
    },
  );

  it.each(ownCodes)('links the section of %s to a guide, or to another section', (code) => {
    expect(sections.get(code)).toMatch(/\]\(([\w-]+\.md)?(#[\w-]+)?\)/);
  });
});
