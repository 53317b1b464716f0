import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const clients = `${root}/spec/interop/clients`;
const page = readFileSync(`${root}/docs/guides/libraries.md`, 'utf8');

const quoted = (text = ''): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

/** The rows of the table: the library, its option, the line of code, and the names of the specs. */
const rows = page
  .split('\n')
  .filter((line) => /^\| .*\]\(#/.test(line))
  .map((line) => {
    const [library = '', option, code = '', specs] = line.split(/^\| | \| | \|$/).slice(1);
    return { library, options: quoted(option), code, specs: quoted(specs) };
  });

/** How a line of code gets its connection, and how the spec of a client does. */
const USES: readonly (readonly [inLine: RegExp, inSpec: RegExp])[] = [
  [/through\.connect/, /through\.connect/],
  [/through\.socket/, /through\.socket/],
  [/through\.undici/, /through\.undici/],
  [/\bdoor\.host/, /\.door\(\)/],
  [/\bweb\b/, /route\.agent\(/],
  [/toDuplex\(io\)/, /servingSockets\(/],
];

describe('the table of libraries', () => {
  it('names every spec of a client library, and no other', () => {
    const specs = readdirSync(clients).flatMap((file) => /^(.+)\.spec\.ts$/.exec(file)?.[1] ?? []);
    expect(specs.length).toBeGreaterThan(10);
    expect([...new Set(rows.flatMap((row) => row.specs))].sort()).toEqual(specs.sort());
  });

  it.each(rows)('has a line for $library that its spec proves', ({ options, code, specs }) => {
    const uses = USES.filter(([inLine]) => inLine.test(code));
    expect(specs.length).toBeGreaterThan(0);
    for (const name of specs) {
      const spec = readFileSync(`${clients}/${name}.spec.ts`, 'utf8');
      for (const [, inSpec] of uses) expect(spec).toMatch(inSpec);
      for (const option of options.filter((each) => each !== 'connection')) expect(spec).toContain(option);
    }
  });

  it('has a line with a dialer, a door or an agent for each library but ioredis', () => {
    const without = rows.filter(({ code }) => !USES.some(([inLine]) => inLine.test(code)));
    expect(without.map(({ library }) => library)).toEqual(['[ioredis](#connect-and-socket)']);
  });
});
