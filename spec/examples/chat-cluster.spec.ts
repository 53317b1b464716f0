import { describe, expect, it } from 'vitest';
import { describePeer } from '../interop/peers.ts';
import { runProgram } from '../support/run-program.ts';

const run = (...args: readonly (string | number)[]): ReturnType<typeof runProgram> => runProgram('examples/chat-cluster/main.ts', ...args);
const COMPLETE = /^0 gaps, 0 missing, 0 duplicates, 0 out of order$/m;

describe('examples/chat-cluster', () => {
  it('delivers each message once with rooms in memory, while clients reconnect', async () => {
    const { code, stdout, stderr } = await run('--memory', '--clients', 4, '--messages', 20).ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^0 brokers, 1 nodes, 4 clients in 2 rooms\n80 messages stored, 160 delivered in [\d.]+ s, 4 moves$/m);
    expect(stdout).toMatch(COMPLETE);
  });

  it('reports a wrong option, and ends with 1', async () => {
    const { code, stderr } = await run('--messages', 'many').ended;
    expect([code, stderr]).toEqual([1, 'TypeError: expected numbers, 1 or more\n']);
  });
});

describePeer('examples/chat-cluster with brokers', 'nats-server', () => {
  it('delivers each message once, while a node and a broker are killed', { timeout: 180_000 }, async () => {
    const { code, stdout, stderr } = await run('--messages', 20).ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^3 brokers, 3 nodes, 6 clients in 2 rooms\nkilled node-2\nkilled broker-3\n120 messages stored, 360 delivered in [\d.]+ s, \d+ moves$/m,
    );
    expect(stdout).toMatch(COMPLETE);
  });
});
