import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../support/run-program.ts';

const run = (...args: readonly (string | number)[]): ReturnType<typeof runProgram> => runProgram('examples/zero-downtime/main.ts', ...args);

describe.skipIf(process.platform === 'win32')('examples/zero-downtime', () => {
  it.each(['TCP', 'UNIX'])('loses no connection and no request of 2,000 over %s in 2 restarts', { timeout: 180_000 }, async (transport) => {
    const folder = mkdtempSync(join(tmpdir(), 'zero-downtime-'));
    try {
      const where = transport === 'UNIX' ? ['--path', join(folder, 'socket')] : [];
      const { code, stdout, stderr } = await run('--connections', 2000, '--restarts', 2, '--at-once', 200, ...where).ended;
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^0 refused, 0 reset, 0 requests lost\n[\d,]+ requests of [\d,]+ connections were answered by 6 processes$/m);
      expect(stdout.match(/^restart \d: \d+ → \d+ in \d+ ms: \d+ open connections have ended by themselves, 0 were reset$/gm)).toHaveLength(
        4,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('reports the connections that it could not open, and ends with 1', async () => {
    const { code, stderr } = await run('--connections', 10, '--path', '/nonexistent/socket').ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining('expected a worker that listens, it has exited with code 1')]);
  });
});
