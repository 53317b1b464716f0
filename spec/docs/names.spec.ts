import { describe, expect, test } from 'vitest';
import * as library from 'rxjs-io-stream';
import { IOStreamError } from 'rxjs-io-stream';
import * as testing from 'rxjs-io-stream/testing';
import { deadLinksOf, PAGES, textOf } from './pages.ts';

const text = PAGES.map(textOf).join('\n');

describe('the README and the guides', () => {
  const rows = [...text.matchAll(/^\| `?(E[A-Z]+)`? \| `?(-\d+)`? \| (yes|no|never)\b.*\|$/gm)].map(([, code = '', errno, fatal]) => ({
    code,
    errno: Number(errno),
    fatal,
  }));
  const codes = Object.entries(library).flatMap(([name, value]) => (/^E[A-Z]{3,}$/.test(name) && typeof value === 'string' ? [value] : []));

  test('list every error code of the source once, and no other', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual([...codes].sort());
  });

  test.each(rows)('state the number and the fatality of $code as in the source', ({ code, errno, fatal }) => {
    const error = new IOStreamError(code, { phase: 'read' });
    expect({ errno: error.errno, fatal: error.fatal }).toEqual({ errno, fatal: fatal === 'yes' });
  });

  const prose = text.replaceAll(/^```[^]*?^```$/gm, '');
  const words = [...prose.matchAll(/`[^`]+`/g)].flatMap(([span]) => span.match(/(?<![\w.])\w+/g) ?? []);
  const named = new Set([...words, ...rows.map(({ code }) => code)]);

  test.each([
    ['rxjs-io-stream', library],
    ['rxjs-io-stream/testing', testing],
  ])('name everything that %s exports', (_entry, exported) => {
    expect(Object.keys(exported).filter((name) => !named.has(name))).toEqual([]);
  });
});

describe.each(PAGES)('%s', (page) => {
  test('links to files that exist', () => {
    expect(deadLinksOf(page)).toEqual([]);
  });

  test('starts with one title', () => {
    const prose = textOf(page).replaceAll(/^```[^]*?^```$/gm, '');
    expect(prose).toMatch(/^# \S/);
    expect(prose.match(/^# /gm)).toHaveLength(1);
  });
});
