import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deadPort } from '../support/loopback.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const host = '127.0.0.1';

interface Run {
  readonly process: ChildProcess;
  stdout: string;
  stderr: string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  /** Resolves when one of the outputs has this in it; rejects when it ends without. */
  says(words: string | RegExp): Promise<void>;
}

/** Starts an example as its user would; it is gone at the end of the spec. */
function start(name: string, ...args: readonly (string | number)[]): Run {
  // The runner's own wishes are not the user's.
  const { NODE_OPTIONS: _options, FORCE_COLOR: _force, NO_COLOR: _none, ...env } = process.env;
  const command = ['--import', 'tsx', `examples/${name}.ts`, ...args.map(String)];
  const child = spawn(process.execPath, command, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const looks = new Set<() => void>();
  const look = (): void => looks.forEach((each) => each());
  const ended = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const run: Run = {
    process: child,
    stdout: '',
    stderr: '',
    ended,
    says: async (words) => {
      const said = (): boolean => `${run.stdout}${run.stderr}`.search(words) >= 0;
      const heard = new Promise<void>((resolve) => looks.add(() => said() && resolve()));
      look();
      await Promise.race([heard, ended.then(() => expect(said(), `${String(words)} in:\n${run.stdout}${run.stderr}`).toBe(true))]);
    },
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.stdout += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.stderr += text;
    look();
  });
  return run;
}

/** Serves on loopback; each connection gets its number, from 0. Gone at the end of the spec. */
async function server(each: (socket: Socket, turn: number) => void): Promise<number> {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    each(socket, sockets.length - 1);
  }).listen(0, host);
  onTestFinished(() => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

describe('the small examples', () => {
  it.for([
    ['quick-start', 'hello\n\n'],
    ['manual', 'request sent, waiting for reply…\nserver reply:\nHTTP/1.0 200 OK\r\n\r\nhello\n\n'],
    ['open', 'hello\n'],
    ['converse', "[ '220 mail.test ready', '221 bye' ]\n"],
    ['own-plugin', 'WELCOME TO news\nhello\n'],
    ['https-through-proxy', '200 OK\nhello through the proxy\n'],
  ] as const)('%s prints what it says and ends by itself', { timeout: 20_000 }, async ([name, expected]) => {
    const run = start(name);
    expect(await run.ended, run.stderr).toBe(0);
    expect([run.stdout, run.stderr]).toEqual([expected, '']);
  });
});

describe('echo-server and echo-client', () => {
  it('give back what was read from stdin; Ctrl-C stops the server', { timeout: 20_000 }, async () => {
    const echo = start('echo-server');
    await echo.says('listening on');
    const port = /port: (\d+)/.exec(echo.stdout)?.[1] ?? '';
    const client = start('echo-client', port);
    client.process.stdin?.end(`hello\n${'x'.repeat(300_000)}\n`);
    expect(await client.ended, client.stderr).toBe(0);
    expect(client.stdout).toBe(`hello\n${'x'.repeat(300_000)}\n`);
    const second = start('echo-server', port);
    expect(await second.ended).toBe(1);
    expect(second.stderr).toContain('EADDRINUSE');
    echo.process.kill('SIGINT');
    expect(await echo.ended, echo.stderr).toBe(0);
    expect(echo.stderr).toBe('');
  });

  it('tell a server that is not there', { timeout: 20_000 }, async () => {
    const client = start('echo-client', await deadPort());
    client.process.stdin?.end('hello');
    expect(await client.ended).toBe(1);
    expect(client.stderr).toContain('ECONNREFUSED');
    expect(client.stdout).toBe('');
  });

  it('go on when a client resets', { timeout: 20_000 }, async () => {
    const echo = start('echo-server');
    await echo.says('listening on');
    const port = Number(/port: (\d+)/.exec(echo.stdout)?.[1]);
    const rude = connect(port, host);
    await once(rude, 'connect');
    rude.resetAndDestroy();
    await echo.says('a connection failed: IOStreamError: ');
    const polite = connect(port, host).setEncoding('utf8').end('still there?');
    expect(await once(polite, 'data')).toEqual(['still there?']);
  });
});

describe('https-through-proxy', () => {
  it('says what went wrong, with no credentials', { timeout: 20_000 }, async () => {
    const run = start('https-through-proxy', 'https://localhost:1/', `http://me:secret@127.0.0.1:${await deadPort()}`);
    expect(await run.ended).toBe(1);
    expect([run.stdout, run.stderr]).toEqual(['', expect.stringMatching(/^IOStreamError: connect ECONNREFUSED 127\.0\.0\.1:\d+\n$/)]);
  });
});

describe('line-client', () => {
  it('prints whole lines however they were cut, and goes on after a reset', { timeout: 20_000 }, async () => {
    const sockets: Socket[] = [];
    const port = await server((socket, turn) => {
      sockets[turn] = socket.setNoDelay();
      socket.write(turn === 0 ? 'first\nsec' : 'third\n');
    });
    const client = start('line-client', port);
    await client.says('first');
    sockets[0]?.write('ond\nlost');
    await client.says('second');
    sockets[0]?.resetAndDestroy();
    await client.says('third');
    const accent = Buffer.from('é');
    sockets[1]?.write(Buffer.concat([Buffer.from('four '), accent.subarray(0, 1)]));
    await new Promise(setImmediate);
    sockets[1]?.end(Buffer.concat([accent.subarray(1), Buffer.from('\r\n\nend\n')]));
    expect(await client.ended, client.stderr).toBe(0);
    expect(client.stdout).toBe('first\nsecond\nthird\nfour é\n\nend\n');
    expect(client.stderr).toMatch(/ECONNRESET.*; dialling again\n/);
    expect(client.stderr).toMatch(/the server ended\n$/);
  });
});
