import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${root}/docs/guides/libraries.md`, 'utf8');
/** The names of the specs in the last column. */
const named = page
  .split('\n')
  .filter((line) => /^\| .*\]\(#/.test(line))
  .flatMap((row) => [...(row.split(' | ').at(-1) ?? '').matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name));

describe('the table of libraries', () => {
  it('names every spec of a client library, and no other', () => {
    const specs = readdirSync(`${root}/spec/interop/clients`).flatMap((file) => /^(.+)\.spec\.ts$/.exec(file)?.[1] ?? []);
    expect(specs.length).toBeGreaterThan(10);
    expect([...new Set(named)].sort()).toEqual(specs.sort());
  });
});
