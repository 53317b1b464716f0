import assert from 'node:assert/strict';
import { it } from 'vitest';
import { runProgram } from '../support/run-program.ts';

it('the kit works in node:test', { timeout: 20_000 }, async () => {
  const program = runProgram('spec/testing/runners/node-test.ts');
  const [, passed, failed] = await program.says(/^. pass (\d+)\n. fail (\d+)\n/m);
  assert.deepEqual([passed, failed], ['3', '0']);
});
