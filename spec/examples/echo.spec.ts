import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { deadPort } from '../support/loopback.ts';
import { runProgram, type Running } from '../support/run-program.ts';

const host = '127.0.0.1';
const start = (name: string, ...args: readonly (string | number)[]): Running => runProgram(`examples/${name}.ts`, ...args);

describe('echo-server and echo-client', () => {
  it('echo stdin of the client, and the server stops at Ctrl-C', async () => {
    const echo = start('echo-server');
    const [, port = ''] = await echo.prints(/port: (\d+)/);
    const client = start('echo-client', port);
    client.stdin.end(`hello\n${'x'.repeat(300_000)}\n`);
    expect(await client.ended).toEqual({ code: 0, stdout: `hello\n${'x'.repeat(300_000)}\n`, stderr: '' });
    expect(await start('echo-server', port).ended).toMatchObject({ code: 1, stderr: expect.stringContaining('EADDRINUSE') as string });
    expect(await echo.interrupt()).toMatchObject({ code: 0, stderr: '' });
  });

  it('report ECONNREFUSED when no server listens', async () => {
    const client = start('echo-client', await deadPort());
    client.stdin.end('hello');
    expect(await client.ended).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining('ECONNREFUSED') as string });
  });

  it('serve the next client after one has reset', async () => {
    const echo = start('echo-server');
    const port = Number((await echo.prints(/port: (\d+)/))[1]);
    const rude = connect(port, host);
    await once(rude, 'connect');
    rude.resetAndDestroy();
    await echo.prints(/a connection failed: IOStreamError: /);
    const polite = connect(port, host).setEncoding('utf8').end('still there?');
    expect(await once(polite, 'data')).toEqual(['still there?']);
  });
});
