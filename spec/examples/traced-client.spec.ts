import { describe, expect, it } from 'vitest';
import { deadPort } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';

const PROGRAM = 'examples/traced-client.ts';

describe('examples/traced-client.ts', () => {
  it('prints the answers, the tree of spans and the bytes', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, 'one', 'two').ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ONE\nTWO\nask /);
    expect(stdout).toMatch(/^ {2}connection localhost:\d+ +[\d.]+ ms {2}CLIENT us\n {4}DNS lookup localhost .*INTERNAL\n/m);
    expect(stdout).toMatch(/^ {4}socket connect 127\.0\.0\.1:\d+ +[\d.]+ ms {2}INTERNAL\n/m);
    expect(stdout).toMatch(/^connection 127\.0\.0\.1:\d+ .*SERVER.*\n( {2}answer .*INTERNAL\n){2}/m);
    expect(stdout).toContain('rxjs_io_stream.client.connection.io transmit 8\n');
  });

  it('prints the spans of a dial that fails, with the code of its error', async () => {
    const port = await deadPort();
    const { code, stdout, stderr } = await runProgram(PROGRAM, '--port', port).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('[ECONNREFUSED]');
    expect(stdout).toMatch(/^ {2}connection localhost:\d+ .*CLIENT ECONNREFUSED error$/m);
    expect(stdout).toMatch(/^ {4}socket connect .*ECONNREFUSED$/m);
    expect(stdout).toContain('rxjs_io_stream.client.connection.errors  1\n');
  });
});
