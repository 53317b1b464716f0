import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as library from 'rxjs-io-stream';
import { IOStreamError } from 'rxjs-io-stream';
import * as testing from 'rxjs-io-stream/testing';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('the README', () => {
  const rows = [...readme.matchAll(/^\| (E[A-Z]+) \| (-\d+) \| (yes|no|never)\b.*\|$/gm)].map(([, code = '', errno, fatal]) => ({
    code,
    errno: Number(errno),
    fatal,
  }));
  const codes = Object.entries(library).flatMap(([name, value]) => (/^E[A-Z]{3,}$/.test(name) && typeof value === 'string' ? [value] : []));

  test('lists every error code of the source, and no other', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual([...codes].sort());
  });

  test.each(rows)('states the number and the fatality of $code as in the source', ({ code, errno, fatal }) => {
    const error = new IOStreamError(code, { phase: 'read' });
    expect({ errno: error.errno, fatal: error.fatal }).toEqual({ errno, fatal: fatal === 'yes' });
  });

  const prose = readme.replaceAll(/^```[^]*?^```$/gm, '');
  const words = [...prose.matchAll(/`[^`]+`/g)].flatMap(([span]) => span.match(/(?<![\w.])\w+/g) ?? []);
  const named = new Set([...words, ...rows.map(({ code }) => code)]);

  test.each([
    ['rxjs-io-stream', library],
    ['rxjs-io-stream/testing', testing],
  ])('names everything that %s exports', (_entry, exported) => {
    expect(Object.keys(exported).filter((name) => !named.has(name))).toEqual([]);
  });

  const snippets = [...readme.matchAll(/<!-- (examples\/\S+) -->\n\n```ts\n([\s\S]*?)```/g)].map(([, file = '', code = '']) => ({
    file,
    code,
  }));

  test('takes all its TypeScript from examples', () => {
    expect(snippets.length).toBe([...readme.matchAll(/^```ts$/gm)].length);
  });

  test.each(snippets)('quotes $file', ({ file, code }) => {
    const example = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
    const unindented = example
      .split('\n')
      .map((line) => line.trimStart())
      .join('\n');
    expect(unindented).toContain(
      code
        .split('\n')
        .map((line) => line.trimStart())
        .join('\n')
        .trim(),
    );
  });
});
