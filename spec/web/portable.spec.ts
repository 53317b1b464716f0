import { expect, it } from 'vitest';
import { runChecks } from './portable-checks.ts';

it('passes the checks for browsers on Node, too', async () => {
  const problems = (await runChecks(['has no global of Node'])).filter(({ problem }) => problem !== undefined);
  expect(problems.map(({ name, problem }) => `${name}: ${problem}`)).toEqual([]);
}, 120_000);
