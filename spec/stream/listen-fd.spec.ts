import { closeSync, existsSync, openSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { describe, expect } from 'vitest';
import { client, refusal } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { pair, socketPath } from '../support/loopback.ts';
import { boundSocket, listenCommand, startListenChild } from '../support/run-listen-child.ts';
import { spec } from '../support/spec.ts';

const HOST = '127.0.0.1';
const isLinux = process.platform === 'linux';

async function expectEcho(h: Harness, at: { port: number; host: string } | { path: string }): Promise<void> {
  const peer = await client(h, at);
  peer.socket.end('hello');
  await h.until(() => peer.ended, 'the echo');
  expect(peer.text).toBe('hello');
}

describe.skipIf(process.platform === 'win32')('listen with fd', () => {
  spec('serves an inherited TCP socket, which knows its address', async (h) => {
    const { fd, server, close } = await boundSocket(h, { port: 0, host: HOST });
    const address = server.address() as AddressInfo;
    const child = startListenChild(h, listenCommand([{ fd: 3 }]), [fd]);
    expect(await child.line()).toEqual({ address });
    await close();
    await expectEcho(h, { port: address.port, host: HOST });
  });

  spec('serves connections that were in the backlog before it listened', async (h) => {
    const { fd, server, close } = await boundSocket(h, { port: 0, host: HOST });
    const { port } = server.address() as AddressInfo;
    const child = startListenChild(h, listenCommand([{ fd: 3 }]), [fd]);
    await close(); // the child holds it, and does not accept yet
    const peers = await Promise.all(Array.from({ length: 20 }, () => client(h, { port, host: HOST })));
    for (const { socket } of peers) socket.end('hello');
    await child.line();
    await h.until(() => peers.every(({ ended, closed }) => ended || closed), 'all ended');
    expect(peers.map(({ text, error }) => error ?? text)).toEqual(peers.map(() => 'hello'));
  });

  const paths: [kind: string, (h: Harness) => string][] = [['a file', socketPath]];
  if (isLinux) paths.push(['abstract', () => `\0listen-fd-${process.pid}`]);
  spec.each(paths)('serves an inherited UNIX socket that is %s, and does not remove its path', async (h, _kind, pathOf) => {
    const path = pathOf(h);
    const { fd } = await boundSocket(h, { path });
    const child = startListenChild(h, listenCommand([{ fd: 3 }, 'stop']), [fd]);
    expect(await child.line()).toEqual({ address: isLinux ? path : '' });
    expect(await child.line()).toMatchObject({ variables: '' });
    expect(isLinux && path.startsWith('\0')).toBe(!existsSync(path));
    expect(await refusal(h, { path })).toBeUndefined();
  });

  spec('errors when it is subscribed again, because the number may be of another file then', async (h) => {
    const { fd } = await boundSocket(h, { port: 0, host: HOST });
    const child = startListenChild(h, listenCommand([{ fd: 3 }, 'stop', 'again']), [fd]);
    await child.line();
    expect(await child.line()).toEqual({
      code: 'EBADF',
      message: 'listen EBADF: descriptor 3 belongs to an earlier subscription, which closes it: expected one subscription [EBADF]',
    });
  });

  spec('errors with EEXIST for a descriptor that it listens on already', async (h) => {
    const { fd } = await boundSocket(h, { port: 0, host: HOST });
    const child = startListenChild(h, listenCommand([{ fd: 3 }, { fd: 3 }]), [fd]);
    await child.line();
    expect(await child.line()).toEqual({
      code: 'EEXIST',
      message: 'listen EEXIST: descriptor 3 is already in use by a socket of this process [EEXIST]',
    });
  });

  spec.each([
    ['a file', async (h: Harness) => fileFd(h)],
    ['a connected socket', async (h: Harness) => fdOf((await pair(h)).near)],
    ['not open', async () => 99],
  ] as [string, (h: Harness) => Promise<number>][])('errors for a descriptor that is %s', async (h, _kind, fdFor) => {
    const fd = await fdFor(h);
    const isOpen = fd !== 99;
    const child = startListenChild(h, listenCommand([{ fd: isOpen ? 3 : fd }]), isOpen ? [fd] : []);
    const number = isOpen ? 3 : 99;
    expect(await child.line()).toEqual({
      code: 'EINVAL',
      message: `listen EINVAL: expected descriptor ${number} to be a listening socket, TCP or UNIX, that this process has inherited [EINVAL]`,
    });
  });
});

function fileFd(h: Harness): number {
  const fd = openSync(import.meta.filename, 'r');
  h.defer(() => closeSync(fd));
  return fd;
}

function fdOf(socket: object): number {
  return (socket as { _handle: { fd: number } })._handle.fd;
}
