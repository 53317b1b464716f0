import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { IOStream, type Plugin } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { connectProxy, type ConnectProxyOptions } from '../../examples/connect-proxy.ts';
import { socks5Server } from '../../examples/socks5-server.ts';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { blackHole } from '../support/black-hole.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, pattern, served, type Place } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';

type At = Place & { host: string; port: number };

async function proxied(
  h: Harness,
  options: ConnectProxyOptions = {},
): Promise<At & { readonly lines: string[]; readonly failed: unknown[] }> {
  const [lines, failed]: [string[], unknown[]] = [[], []];
  const { port } = await new Promise<{ port: number }>((resolve, reject) => {
    const serving = connectProxy({ local: true, ...options, log: (line) => lines.push(line) }).subscribe({
      next: (server) => {
        server.errors$.subscribe((error) => failed.push(error));
        resolve(server.address as { port: number } & typeof server.address);
      },
      error: reject,
    });
    h.defer(() => serving.unsubscribe());
  });
  return { host: '127.0.0.1', port, lines, failed };
}

const target = (h: Harness, each: (socket: Socket) => unknown): Promise<At> => served(h, each) as Promise<At>;
const through = ({ host, port }: At, credentials = {}): Plugin => httpProxy({ host, port, ...credentials });
const echo = (h: Harness): Promise<At> => target(h, (socket) => socket.pipe(socket));
const at = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

/** Sends text to the proxy. Resolves to everything it replies. */
async function ask(h: Harness, { host, port }: At, text: string, end = false): Promise<string> {
  const socket = connect({ host, port, allowHalfOpen: true });
  h.defer(() => socket.destroy());
  socket.write(text);
  if (end) socket.end();
  const all = (await allOf(socket)).toString('latin1');
  socket.end();
  return all;
}
const statusOf = (reply: string): string => reply.slice(0, 12);

describe('examples/connect-proxy.ts', () => {
  spec('relays bytes both ways, with half-close, including those that arrive with the request', async (h) => {
    const proxy = await proxied(h);
    const to = await echo(h);
    const text = pattern(100_000).toString('latin1');
    const reply = await ask(h, proxy, `CONNECT ${at(to)} HTTP/1.1\r\nHost: ${at(to)}\r\n\r\nearly`, true);
    expect(reply).toBe('HTTP/1.1 200 Connection established\r\n\r\nearly');
    const io = new IOStream({ ...to, plugin: { proxy: through(proxy) } });
    h.defer(() => io.reset());
    const back = h.observed(io.data$);
    io.end(text);
    await back.ended;
    h.sameBytes(back.values, text);
    await h.until(() => proxy.lines.filter((line) => line.includes('closed: ')).length === 2);
    expect(proxy.lines.at(-1) ?? '').toMatch(
      new RegExp(`^127.0.0.1:\\d+ → ${at(to)} closed: ${Buffer.byteLength(text)} bytes there, ${Buffer.byteLength(text)} back$`),
    );
  });

  spec('relays until both sides have ended, whichever ends first', async (h) => {
    const proxy = await proxied(h);
    const late = await target(h, (socket) => socket.on('end', () => socket.end('late')).resume());
    expect(await ask(h, proxy, `CONNECT ${at(late)} HTTP/1.0\r\n\r\nquestion`, true)).toMatch(/\r\n\r\nlate$/);
    let received: Promise<Buffer> | undefined;
    const first = await target(h, (socket) => {
      received = allOf(socket);
      socket.end('bye');
    });
    const client = connect(proxy.port, proxy.host).setEncoding('latin1');
    h.defer(() => client.destroy());
    client.write(`CONNECT ${at(first)} HTTP/1.1\r\n\r\n`);
    client.on('data', () => {}).on('end', () => client.end('last words'));
    await once(client, 'close');
    expect((await received)?.toString()).toBe('last words');
  });

  spec('pauses a fast sender while the other side does not read', async (h) => {
    let socket: Socket | undefined;
    const slow = await target(h, (accepted) => {
      socket = accepted.pause();
    });
    const proxy = await proxied(h);
    const io = new IOStream({ ...slow, plugin: { proxy: through(proxy) }, outBufLimit: 0 });
    h.defer(() => io.reset());
    const size = 64 * 1024 * 1024;
    io.end(Buffer.alloc(size));
    await h.until(() => socket !== undefined);
    // Sent bytes fill the buffers on the way. Then nothing more is sent.
    for (let turn = 0, last = -1; io.output.pending !== last || turn < 50; turn += 1) {
      last = io.output.pending;
      await new Promise(setImmediate);
    }
    expect(io.output.pending > size / 2, `only ${io.output.pending} bytes are pending for a target that does not read`).toBe(true);
    let got = 0;
    socket
      ?.on('data', ({ length }) => {
        got += length;
      })
      .resume();
    await h.until(() => got === size, 'all bytes arrive');
  });

  spec('replies with the HTTP status that explains why there is no tunnel', async (h) => {
    const proxy = await proxied(h, { allow: ['a', '127.0.0.1', 'name.invalid', 'mail.test:26'] });
    const dead = `127.0.0.1:${await deadPort()}`;
    const cases: [string, string][] = [
      ['CONNECT\r\n\r\n', '400'],
      ['CONNECT a HTTP/1.1\r\n\r\n', '400'],
      ['CONNECT a:0 HTTP/1.1\r\n\r\n', '400'],
      ['CONNECT a:65536 HTTP/1.1\r\n\r\n', '400'],
      ['CONNECT a@b:1 HTTP/1.1\r\n\r\n', '400'],
      ['CONNECT /:1 HTTP/1.1\r\n\r\n', '400'],
      [`GET / HTTP/1.1\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, '400'],
      ['\u0016\u0003\u0001 not HTTP \r\n\r\n', '400'],
      ['GET http://target.test/ HTTP/1.1\r\n\r\n', '405'],
      ['CONNECT mail.test:25 HTTP/1.1\r\n\r\n', '403'],
      [`CONNECT ${dead} HTTP/1.1\r\n\r\n`, '502'],
      ['CONNECT name.invalid:80 HTTP/1.1\r\n\r\n', '502'],
    ];
    for (const [request, status] of cases) {
      const reply = await ask(h, proxy, request);
      expect(reply, request).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^\\r\\n]+\\r\\n[^]*Content-Length: 0\\r\\n\\r\\n$`));
    }
    expect(await ask(h, proxy, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/\r\nAllow: CONNECT\r\n/);
    expect(await ask(h, proxy, 'CONNECT a:1', true)).toMatch(/^HTTP\/1\.1 400 /);
    expect(proxy.failed).toStrictEqual([]);
  });

  spec('replies 408 when the request takes too long, and 504 when the target does', async (h) => {
    const hole = await blackHole(h);
    const proxy = await proxied(h, { timeout: 1000 });
    expect(statusOf(await ask(h, proxy, 'CONNECT a'))).toBe('HTTP/1.1 408');
    expect(statusOf(await ask(h, proxy, `CONNECT ${at(hole)} HTTP/1.1\r\n\r\n`))).toBe('HTTP/1.1 504');
  });

  spec('accepts the password, and replies 407 to everything else', async (h) => {
    h.secret('sésame: open');
    const proxy = await proxied(h, { user: 'me', pass: 'sésame: open' });
    const to = await echo(h);
    const io = new IOStream({ ...to, plugin: { proxy: through(proxy, { user: 'me', pass: 'sésame: open' }) } });
    h.defer(() => io.reset());
    const back = h.observed(io.data$);
    io.end('hello');
    await back.ended;
    h.sameBytes(back.values, 'hello');
    for (const [user, pass] of [
      ['me', 'other'],
      ['you', 'sésame: open'],
      ['', ''],
    ] as const) {
      const refused = new IOStream({ ...to, plugin: { proxy: through(proxy, { user, pass }) } });
      refused.errors$.subscribe();
      const { error } = await firstValueFrom(refused.closed$);
      h.error(error, { code: 'EPROXYAUTH', layer: 'proxy' });
    }
    expect(statusOf(await ask(h, proxy, `CONNECT ${at(to)} HTTP/1.1\r\n\r\n`))).toBe('HTTP/1.1 407');
    expect(!proxy.lines.join().includes('sésame')).toBe(true);
  });

  spec('resets the client when the target resets, and the target when the client resets', async (h) => {
    const proxy = await proxied(h);
    const rude = await target(h, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const io = new IOStream({ ...rude, plugin: { proxy: through(proxy) } });
    io.errors$.subscribe();
    io.write('hello');
    h.error((await firstValueFrom(io.closed$)).error, { code: 'ECONNRESET' });
    let closed = false;
    const onClosed = (): void => {
      closed = true;
    };
    const patient = await target(h, (socket) => socket.on('end', onClosed).on('close', onClosed).resume());
    const other = new IOStream({ ...patient, plugin: { proxy: through(proxy) } });
    other.write('hello');
    await h.until(() => other.state === 'open' && proxy.lines.length >= 3);
    other.reset();
    await h.until(() => closed, 'the target sees it');
  });

  spec('connects only to public addresses unless `local` is set, and never to itself', async (h) => {
    const guarding = await proxied(h, { local: false });
    for (const host of ['127.0.0.1', 'localhost', '127.1', '0x7f000001', '[::ffff:127.0.0.1]', '[::1]', '0.0.0.0', '10.0.0.1', '[fe80::1]'])
      expect(statusOf(await ask(h, guarding, `CONNECT ${host}:${guarding.port + 1} HTTP/1.1\r\n\r\n`)), host).toBe('HTTP/1.1 403');
    const open = await proxied(h);
    for (const host of ['127.0.0.1', 'localhost', '127.0.0.2', '0.0.0.0', '[::ffff:127.0.0.1]'])
      expect(statusOf(await ask(h, open, `CONNECT ${host}:${open.port} HTTP/1.1\r\n\r\n`)), host).toBe('HTTP/1.1 403');
    expect([guarding.failed, open.failed]).toStrictEqual([[], []]);
  });

  it('refuses to listen on a public address without a password', () => {
    for (const wrong of [{ host: '0.0.0.0' }, { host: '::' }, { user: 'me' }, { pass: 'pw' }]) {
      expect(() => connectProxy(wrong)).toThrow(TypeError);
      expect(() => socks5Server(wrong)).toThrow(TypeError);
    }
    connectProxy({ host: '0.0.0.0', user: 'me', pass: 'pw' });
  });

  it('runs as a program with credentials and a list of targets', async () => {
    const credentials = ['--user', 'me', '--pass', 'pw'];
    const { prints, interrupt } = runProgram(
      'examples/connect-proxy.ts',
      '--port',
      '0',
      ...credentials,
      '--allow',
      '*:1',
      '--allow',
      'b.test',
    );
    const port = Number((await prints(/port: (\d+)/))[1]);
    const client = connect(port, '127.0.0.1');
    client.end(`CONNECT 127.0.0.1:2 HTTP/1.1\r\nproxy-authorization: basic ${Buffer.from('me:pw').toString('base64')}\r\n\r\n`);
    expect(statusOf((await allOf(client)).toString())).toBe('HTTP/1.1 403');
    await prints(/ 403 Forbidden\n/);
    expect(await interrupt()).toMatchObject({ code: 0, stderr: '' });
  });
});
