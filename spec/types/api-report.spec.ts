import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('../..', import.meta.url));

test('every entry point has a report in etc/api', () => {
  const doors = Object.keys(packageJson.exports).filter((path) => !path.endsWith('.json'));
  expect(readdirSync(`${root}/etc/api`).sort()).toEqual(doors.map((path) => `${path === '.' ? 'index' : path.slice(2)}.api.md`).sort());
});

test('the reports in etc/api state what the built package exports; otherwise run `npm run api`', { timeout: 300_000 }, async () => {
  const run = promisify(execFile)(process.execPath, ['.ci/api-report.js'], { cwd: root }).then(
    () => '',
    (error: unknown) => (error as { stderr: string }).stderr || String(error),
  );
  expect(await run).toBe('');
});
