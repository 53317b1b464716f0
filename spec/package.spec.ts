import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import jsr from '../jsr.json' with { type: 'json' };
import packageJson from '../package.json' with { type: 'json' };

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const doors = Object.keys(packageJson.exports).filter((path) => !path.endsWith('.json'));

describe('what is published', () => {
  test('has one version for npm and for JSR, and the CHANGELOG starts with it', () => {
    expect(jsr.version).toBe(packageJson.version);
    expect(read('CHANGELOG.md')).toMatch(
      new RegExp(`^# Changelog\\n\\n## ${packageJson.version.replaceAll('.', '\\.')}( \\(\\d{4}-\\d\\d-\\d\\d\\))?\\n`),
    );
  });

  test('has the same entry points for npm and for JSR, each made from a source, but for `web`, which the build makes', () => {
    const shared = doors.filter((door) => door !== './web');
    expect(jsr.exports).toEqual(Object.fromEntries(shared.map((door) => [door, `./src/${door === '.' ? 'index' : door.slice(2)}.ts`])));
    for (const source of Object.values(jsr.exports)) expect(read(source)).toContain('export ');
  });

  test('asks for the same RxJS for npm and for JSR', () => {
    expect(jsr.imports.rxjs).toBe(`npm:rxjs@${packageJson.peerDependencies.rxjs}`);
  });
});
