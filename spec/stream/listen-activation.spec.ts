import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { choose, takePassedFds } from '../../src/stream/activation.ts';
import { describePeer, programOf } from '../interop/peers.ts';
import { client } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { deadPort, socketPath } from '../support/loopback.ts';
import { boundSocket, listenCommand, startListenChild } from '../support/run-listen-child.ts';
import { spec } from '../support/spec.ts';

const host = '127.0.0.1';
const message = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
};

describe('takePassedFds', () => {
  it('returns the descriptors from 3 on with their names, and removes the variables', () => {
    const env = { LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:admin', LISTEN_PIDFDID: '7', HOME: '/' };
    expect(takePassedFds(env, 42)).toEqual([
      { fd: 3, name: 'web' },
      { fd: 4, name: 'admin' },
    ]);
    expect(env).toEqual({ HOME: '/' });
  });

  it('names descriptors without LISTEN_FDNAMES `unknown`, as systemd does', () => {
    expect(takePassedFds({ LISTEN_PID: '42', LISTEN_FDS: '1' }, 42)).toEqual([{ fd: 3, name: 'unknown' }]);
  });

  it('takes the descriptors of the primary in a worker of a cluster', () => {
    expect(takePassedFds({ LISTEN_PID: '41', LISTEN_FDS: '1' }, 42, 41)).toEqual([{ fd: 3, name: 'unknown' }]);
  });

  it.each([
    ['no variable', {}, /LISTEN_FDS is not set: start the program by a \.socket unit/],
    ['no number', { LISTEN_PID: '42', LISTEN_FDS: 'x' }, /expected LISTEN_FDS to be a number of descriptors, 1 or more, got "x"/],
    ['none', { LISTEN_PID: '42', LISTEN_FDS: '0' }, /1 or more, got "0"/],
    [
      'another process',
      { LISTEN_PID: '41', LISTEN_FDS: '1' },
      /expected LISTEN_PID to be 42, this process, got "41": .* start `node` directly/,
    ],
    ['no process', { LISTEN_FDS: '1' }, /expected LISTEN_PID to be 42, this process, got none/],
    ['too few names', { LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web' }, /to have 2 names as LISTEN_FDS says, got 1: "web"/],
  ])('throws for %s, and keeps the variables', (_case, variables, expected) => {
    const env: Record<string, string> = { ...variables };
    expect(message(() => takePassedFds(env, 42))).toMatch(expected);
    expect(env).toEqual(variables);
  });
});

describe('choose', () => {
  const fds = [
    { fd: 3, name: 'web' },
    { fd: 4, name: 'admin' },
    { fd: 5, name: 'web' },
  ];

  it('chooses by name, and the only one with true', () => {
    expect(choose(fds, 'admin')).toEqual({ fd: 4, name: 'admin' });
    expect(choose(fds.slice(0, 1), true)).toEqual({ fd: 3, name: 'web' });
  });

  it('throws for a name that none or several have, and for true with several', () => {
    expect(message(() => choose(fds, 'wbe'))).toMatch(
      /expected a descriptor named "wbe", got 3 named "web", 4 named "admin", 5 named "web"/,
    );
    expect(message(() => choose(fds, 'web'))).toMatch(/expected one descriptor named "web", got .*: choose by `fd`/);
    expect(message(() => choose(fds, true))).toMatch(/expected one descriptor for `activation: true`, got .*: write the name of one/);
  });
});

async function expectEcho(h: Harness, at: { port: number; host: string } | { path: string }): Promise<void> {
  const peer = await client(h, at);
  peer.socket.end('hello');
  await h.until(() => peer.ended, 'the echo');
  expect(peer.text).toBe('hello');
}

/** A command that sets the variables as systemd does: the process of the shell becomes the program. */
function asSystemd(variables: string, options: readonly (object | string)[]): string[] {
  return ['/bin/sh', '-c', `export ${variables} LISTEN_PID=$$; exec "$@"`, 'sh', ...listenCommand(options)];
}

describe.skipIf(process.platform === 'win32')('listen with activation', () => {
  spec('listens on each passed socket by its name, and passes no variable to children', async (h) => {
    const path = socketPath(h);
    const [web, admin] = [await boundSocket(h, { port: 0, host }), await boundSocket(h, { path })];
    const address = web.server.address() as AddressInfo;
    const command = asSystemd('LISTEN_FDS=2 LISTEN_FDNAMES=web:admin', [{ activation: 'admin' }, { activation: 'web' }]);
    const child = startListenChild(h, command, [web.fd, admin.fd]);
    expect(await child.line()).toEqual({ address: path });
    expect(await child.line()).toEqual({ address });
    expect(await child.line()).toEqual({ variables: '' });
    await web.close();
    await expectEcho(h, { port: address.port, host });
  });

  spec('errors with EINVAL when nothing was passed, and with EBADF for the second use of a socket', async (h) => {
    const { fd } = await boundSocket(h, { port: 0, host });
    const without = startListenChild(h, listenCommand([{ activation: true }]), []);
    expect(await without.line()).toEqual({
      code: 'EINVAL',
      message: expect.stringMatching(/^activation: LISTEN_FDS is not set: .* \[EINVAL\]$/) as string,
    });
    const twice = startListenChild(h, asSystemd('LISTEN_FDS=1', [{ activation: true }, 'stop', { activation: true }]), [fd]);
    expect(await twice.line()).toHaveProperty('address');
    expect(await twice.line()).toMatchObject({ code: 'EBADF', message: expect.stringContaining('descriptor 3 named "unknown"') as string });
  });

  spec('errors when a launcher between systemd and the program has another process id', async (h) => {
    const { fd } = await boundSocket(h, { port: 0, host });
    const child = startListenChild(h, listenCommand([{ activation: true }]), [fd], { LISTEN_FDS: '1', LISTEN_PID: '1' });
    expect(await child.line()).toMatchObject({ code: 'EINVAL', message: expect.stringContaining('got "1"') as string });
  });
});

describePeer('listen with activation by systemd-socket-activate', 'systemd-socket-activate', () => {
  const activate = programOf('systemd-socket-activate') ?? '';

  spec('listens on a TCP and on a UNIX socket, and serves the connection that has started it', async (h) => {
    const [port, path] = [await deadPort(), socketPath(h)];
    const options = ['-l', `${host}:${port}`, '-l', path, '--fdname=web:admin'];
    const command = [activate, ...options, ...listenCommand([{ activation: 'web' }, { activation: 'admin' }])];
    const child = startListenChild(h, command);
    let peer = await client(h, { port, host });
    for (; peer.error !== undefined; peer = await client(h, { port, host })); // until it listens
    peer.socket.end('hello');
    expect(await child.line()).toEqual({ address: { address: host, family: 'IPv4', port } });
    expect(await child.line()).toEqual({ address: path });
    expect(await child.line()).toEqual({ variables: '' });
    await h.until(() => peer.ended, 'the echo');
    expect(peer.text).toBe('hello');
    await expectEcho(h, { path });
  });
});
