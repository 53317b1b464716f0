import { expect, it } from 'vitest';
import { runProgram } from '../support/run-program.ts';

it('rxjs-io-stream/testing works in node:test', async () => {
  const program = runProgram('spec/testing/runners/node-test.ts');
  const [, passed, failed] = await program.prints(/^. pass (\d+)\n. fail (\d+)\n/m);
  expect([passed, failed]).toStrictEqual(['3', '0']);
});
