import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deadPort, served, unwatched } from '../support/loopback.ts';
import { runProgram, type Running } from '../support/run-program.ts';

const host = '127.0.0.1';
const start = (name: string, ...args: readonly (string | number)[]): Running => runProgram(`examples/${name}.ts`, ...args);

describe('the small examples', () => {
  it.for([
    ['quick-start', 'hello\n\n'],
    ['manual', 'request sent, waiting for reply…\nserver reply:\nHTTP/1.0 200 OK\r\n\r\nhello\n\n'],
    ['open', 'hello\n'],
    ['converse', "[ '220 mail.test ready', '221 bye' ]\n"],
    ['own-cipher', 'hello\n'],
    ['own-handshake', 'WELCOME TO news\nhello\n'],
    ['https-through-proxy', '200 OK\nhello through the proxy\n'],
  ] as const)('%s prints its output and exits', { timeout: 20_000 }, async ([name, expected]) => {
    expect(await start(name).ended).toEqual({ code: 0, stdout: expected, stderr: '' });
  });
});

describe('echo-server and echo-client', () => {
  it('echo stdin of the client, and the server stops at Ctrl-C', { timeout: 20_000 }, async () => {
    const echo = start('echo-server');
    const [, port = ''] = await echo.says(/port: (\d+)/);
    const client = start('echo-client', port);
    client.stdin.end(`hello\n${'x'.repeat(300_000)}\n`);
    expect(await client.ended).toEqual({ code: 0, stdout: `hello\n${'x'.repeat(300_000)}\n`, stderr: '' });
    expect(await start('echo-server', port).ended).toMatchObject({ code: 1, stderr: expect.stringContaining('EADDRINUSE') as string });
    expect(await echo.interrupt()).toMatchObject({ code: 0, stderr: '' });
  });

  it('report ECONNREFUSED when no server listens', { timeout: 20_000 }, async () => {
    const client = start('echo-client', await deadPort());
    client.stdin.end('hello');
    expect(await client.ended).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining('ECONNREFUSED') as string });
  });

  it('serve the next client after one has reset', { timeout: 20_000 }, async () => {
    const echo = start('echo-server');
    const port = Number((await echo.says(/port: (\d+)/))[1]);
    const rude = connect(port, host);
    await once(rude, 'connect');
    rude.resetAndDestroy();
    await echo.says(/a connection failed: IOStreamError: /);
    const polite = connect(port, host).setEncoding('utf8').end('still there?');
    expect(await once(polite, 'data')).toEqual(['still there?']);
  });
});

describe('https-through-proxy', () => {
  it('prints the error of a refused connection, without credentials', { timeout: 20_000 }, async () => {
    const run = start('https-through-proxy', 'https://localhost:1/', `http://me:secret@127.0.0.1:${await deadPort()}`);
    const stderr = expect.stringMatching(/^Error: connect ECONNREFUSED 127\.0\.0\.1:\d+\n$/) as string;
    expect(await run.ended).toEqual({ code: 1, stdout: '', stderr });
  });
});

describe('line-client', () => {
  it('prints whole lines however the bytes are cut, and reconnects after a reset', { timeout: 20_000 }, async () => {
    const sockets: Socket[] = [];
    const place = await served(unwatched(onTestFinished), (socket) => {
      socket.setNoDelay().write(sockets.push(socket) === 1 ? 'first\nsec' : 'third\n');
    });
    const client = start('line-client', (place as { port: number }).port);
    await client.says(/first/);
    sockets[0]?.write('ond\nlost');
    await client.says(/second/);
    sockets[0]?.resetAndDestroy();
    await client.says(/third/);
    const accent = Buffer.from('é');
    sockets[1]?.write(Buffer.concat([Buffer.from('four '), accent.subarray(0, 1)]));
    await new Promise(setImmediate);
    sockets[1]?.end(Buffer.concat([accent.subarray(1), Buffer.from('\r\n\nend\n')]));
    const { code, stdout, stderr } = await client.ended;
    expect([code, stdout], stderr).toEqual([0, 'first\nsecond\nthird\nfour é\n\nend\n']);
    expect(stderr).toMatch(/ECONNRESET.*; dialling again\n/);
    expect(stderr).toMatch(/the server ended\n$/);
  });
});
