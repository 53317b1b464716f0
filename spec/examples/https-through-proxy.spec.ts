import { describe, expect, it } from 'vitest';
import { deadPort } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';

describe('https-through-proxy', () => {
  it('prints the error of a refused connection, without credentials', async () => {
    const run = runProgram('examples/https-through-proxy.ts', 'https://localhost:1/', `http://me:secret@127.0.0.1:${await deadPort()}`);
    const stderr = expect.stringMatching(/^Error: connect ECONNREFUSED 127\.0\.0\.1:\d+\n$/) as string;
    expect(await run.ended).toEqual({ code: 1, stdout: '', stderr });
  });
});
