import { describe, expect, it } from 'vitest';
import { deadPort } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';

describe.skipIf(process.platform === 'win32')('examples/many-cores.ts', () => {
  it.each([
    ['one socket for all', []],
    ['the primary accepts', ['--round-robin']],
  ])('serves every connection with 1 and with 2 workers, by `%s`, and prints figures', { timeout: 120_000 }, async (words, flags) => {
    const args = ['--workers', 2, '--connections', 40, '--port', await deadPort(), ...flags];
    const { code, stdout, stderr } = await runProgram('examples/many-cores.ts', ...args).ended;
    expect([code, stderr]).toEqual([0, '']);
    const figures = String.raw`\d+ connections per second with 1 worker, \d+ with 2 \(\d+\.\d\d times as many\)`;
    expect(stdout).toMatch(new RegExp(`^${words}: ${figures}$`, 'm'));
    expect(stdout).toMatch(new RegExp(String.raw`^(a socket each \(reusePort\): ${figures}|Node [\d.]+ has no reusePort)$`, 'm'));
  });

  it('ends with 1 for arguments that are no numbers', async () => {
    const { code, stderr } = await runProgram('examples/many-cores.ts', '--workers', 'x').ended;
    expect([code, stderr]).toEqual([1, 'TypeError: expected 1 worker or more, and a connection for each\n']);
  });
});
