import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = 'spec/interop/clients';
const page = readFileSync(`${root}/docs/guides/libraries.md`, 'utf8');
const rows = page.split('\n').filter((line) => /^\| .*\.spec\.ts/.test(line));

describe('the table of libraries', () => {
  it('names every spec of a client library', () => {
    const specs = readdirSync(`${root}/${folder}`).filter((file) => file.endsWith('.spec.ts'));
    expect(specs.length).toBeGreaterThan(10);
    expect(specs.filter((file) => !rows.some((row) => row.includes(`\`${file}\``)))).toEqual([]);
  });

  it.each(rows)('names specs that exist: %s', (row) => {
    const named = [...row.matchAll(/`([\w./-]+\.spec\.ts)`/g)].map(([, file = '']) => (file.includes('/') ? file : `${folder}/${file}`));
    expect(named.filter((file) => !existsSync(`${root}/${file}`))).toEqual([]);
  });
});
