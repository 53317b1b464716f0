import { expect, it } from 'vitest';
import { runProgram } from '../support/run-program.ts';

it('the marble test passes, and says what it learned', { timeout: 20_000 }, async () => {
  const program = runProgram('examples/marble-test.ts');
  expect(await program.says(/^all passed; WELCOME and IOStreamError\n$/)).toBeTruthy();
});
