import { describe, expect, it } from 'vitest';
import { runProgram } from '../support/run-program.ts';

describe('worker-thread', () => {
  it('prints the answers of its worker, in order, and exits', async () => {
    const stdout = ['1000003 is prime', '91 is divisible by 7', 'x is no integer from 2 to 9007199254740991', ''].join('\n');
    expect(await runProgram('examples/worker-thread.ts', 1_000_003, 91, 'x').ended).toEqual({ code: 0, stdout, stderr: '' });
  });
});
