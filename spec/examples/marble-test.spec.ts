import { expect, it } from 'vitest';
import { runProgram } from '../support/run-program.ts';

it('passes, and prints what the handshake learned', async () => {
  const program = runProgram('examples/marble-test.ts');
  expect(await program.prints(/^all passed; WELCOME and IOStreamError\n$/)).toBeTruthy();
});
