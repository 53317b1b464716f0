import { connect as dial, type Socket } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { open } from 'rxjs-io-stream';
import { socks5Server, type Socks5ServerOptions } from '../../examples/socks5-server.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, served } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';

const host = '127.0.0.1';

/** Starts the server in this process until the spec ends. */
async function serving(h: Harness, options: Socks5ServerOptions = {}): Promise<{ port: number; lines: string[] }> {
  const lines: string[] = [];
  const servers = h.observed(socks5Server({ local: true, ...options, log: (line) => lines.push(line) }));
  const server = await servers.value();
  h.observed(server.errors$);
  return { port: (server.address as { port: number }).port, lines };
}

async function echoPort(h: Harness): Promise<number> {
  const place = await served(h, (socket) => socket.pipe(socket));
  return (place as { port: number }).port;
}

/** Sends these bytes. Resolves to everything that the server replies. */
async function answer(port: number, ...bytes: readonly number[]): Promise<number[]> {
  const socket: Socket = dial({ host, port, allowHalfOpen: true });
  const all = allOf(socket);
  socket.end(Uint8Array.from(bytes));
  const got = [...(await all)];
  socket.destroy();
  return got;
}

describe('socks5-server', () => {
  spec('relays both ways, with half-close, to an address and to a name', async (h) => {
    const { port, lines } = await serving(h);
    const target = await echoPort(h);
    for (const name of [host, 'localhost']) {
      const io = await open({ host: name, port: target, family: 4, allowHalfOpen: true, plugin: { proxy: socks5({ host, port }) } });
      const sent = Buffer.alloc(3_000_000, name);
      io.end(sent);
      const chunks: Buffer[] = [];
      for await (const bytes of io) chunks.push(bytes);
      h.sameBytes(chunks, sent);
      expect(io.details.proxy).toMatchObject({ boundAddress: host });
      io.close();
      await firstValueFrom(io.closed$);
    }
    expect(lines).toEqual([host, 'localhost'].map((name) => `${host}: to ${name} port ${target}`));
  });

  spec('accepts the right password only', async (h) => {
    h.secret('pass word');
    const { port, lines } = await serving(h, { user: 'user', pass: 'pass word' });
    const target = await echoPort(h);
    const through = (pass?: string): ReturnType<typeof open> =>
      open({ host, port: target, plugin: { proxy: socks5({ host, port, ...(pass === undefined ? {} : { user: 'user', pass }) }) } });
    const io = await through('pass word');
    io.close();
    await firstValueFrom(io.closed$);
    for (const [pass, facts] of [
      ['wrong', { status: 1 }],
      [undefined, { status: 255 }],
    ] as const) {
      const error = await through(pass).then(
        () => undefined,
        (error: unknown) => error,
      );
      h.error(error, { code: 'EPROXYAUTH', layer: 'proxy' });
      expect(error).toMatchObject(facts);
    }
    expect(lines).toEqual([
      `${host}: to ${host} port ${target}`,
      `${host}: has another user or password`,
      `${host}: does not offer method 2`,
    ]);
  });

  spec('replies with the reason when it cannot connect', async (h) => {
    const { port } = await serving(h);
    const error = await open({ host, port: await deadPort(), plugin: { proxy: socks5({ host, port }) } }).catch((error: unknown) => error);
    h.error(error, { code: 'EPROXY' });
    expect(error).toMatchObject({ status: 5, reply: 'connection refused' });
  });

  spec('refuses other versions and commands', async (h) => {
    const { port } = await serving(h);
    expect(await answer(port, 4, 1, 0, 80, 127, 0, 0, 1, 0)).toEqual([]);
    expect(await answer(port, 5, 1, 0, 5, 2, 0, 1, 127, 0, 0, 1, 0, 80)).toEqual([5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0]);
  });

  spec('connects only to allowed targets, to public addresses unless `local` is set, and never to itself', async (h) => {
    const to = (port: number, name: string): number[] => [5, 1, 0, 5, 1, 0, 3, name.length, ...Buffer.from(name), port >> 8, port & 255];
    const refused = [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0];
    const guarding = await serving(h, { local: false });
    for (const name of ['localhost', '127.1', '0x7f000001', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '192.168.0.1', '169.254.169.254'])
      expect([name, await answer(guarding.port, ...to(80, name))]).toEqual([name, refused]);
    const open = await serving(h, { allow: ['localhost', '*.b.test:80'] });
    for (const [name, port] of [
      ['localhost', open.port],
      ['127.0.0.1', 80],
      ['b.test', 80],
      ['a.b.test', 81],
      ['', 80],
      ['a b', 80],
    ] as const)
      expect([name, await answer(open.port, ...to(port, name))]).toEqual([name, refused]);
  });

  spec('logs one line of printable text, whatever host the client requests', async (h) => {
    const { port, lines } = await serving(h);
    const name = Buffer.from('a\n\u001b[2J\u009b\u202e\u2028b');
    await answer(port, 5, 1, 0, 5, 1, 0, 3, name.length, ...name, 0, 80);
    expect(lines[0]).toBe(String.raw`127.0.0.1: to a\u{a}\u{1b}[2J\u{9b}\u{202e}\u{2028}b port 80`);
    expect(lines.every((line) => /^[\x20-\x7e]+$/.test(line))).toBe(true);
  });

  it('runs as a program that logs its connections, and stops at Ctrl-C', async () => {
    const { prints, interrupt } = runProgram('examples/socks5-server.ts', '--port', '0', '--local');
    const port = Number((await prints(/port: (\d+)/))[1]);
    const target = await deadPort();
    const error = await open({ host, port: target, plugin: { proxy: socks5({ host, port }) } }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'EPROXY', status: 5 });
    await prints(new RegExp(`${host}: to ${host} port ${target}\n.*ECONNREFUSED`));
    expect(await interrupt()).toMatchObject({ code: 0, stderr: '' });
  });
});
