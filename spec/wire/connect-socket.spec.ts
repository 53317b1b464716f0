import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { connectSocket } from '../../src/wire/connect-socket.ts';
import { blackHole } from '../support/black-hole.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';

const HOST = '127.0.0.1';

async function listening(h: Harness): Promise<{ port: number; peers: Socket[] }> {
  const peers: Socket[] = [];
  const server = createServer((socket) => peers.push(socket.on('error', () => {}))).listen(0, HOST);
  await once(server, 'listening');
  h.defer(() => {
    for (const peer of peers) peer.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, peers };
}

describe('connectSocket', () => {
  spec('emits the connected socket and completes, and leaves the socket to the subscriber', async (h) => {
    const { port } = await listening(h);
    const seen = h.observed(connectSocket({ host: HOST, port }));
    await seen.ended;
    const [socket] = seen.values as [Socket];
    expect(seen.state).toBe('complete');
    expect([socket.connecting, socket.destroyed, socket.allowHalfOpen, socket.remotePort]).toEqual([false, false, true, port]);
    expect([socket.listenerCount('error'), socket.listenerCount('connect')]).toEqual([0, 0]);
    socket.destroy();
  });

  spec('connects at each subscription, and not before', async (h) => {
    const { port, peers } = await listening(h);
    const socket$ = connectSocket({ host: HOST, port });
    expect(peers.length).toBe(0);
    for (let turn = 0; turn < 2; turn += 1) {
      const seen = await h.observed(socket$).ended;
      seen.values[0]?.destroy();
    }
    await h.until(() => peers.length === 2);
  });

  spec('errors with the error of Node', async (h) => {
    const seen = await h.observed(connectSocket({ path: '/no/such/socket' })).ended;
    expect(seen).toMatchObject({ state: 'error', error: { code: 'ENOENT', syscall: 'connect' } });
  });

  spec('errors with what Node throws, and leaves no handle open', async (h) => {
    const seen = await h.observed(connectSocket({ host: HOST, port: 70_000 })).ended;
    expect(seen).toMatchObject({ state: 'error', error: { code: 'ERR_SOCKET_BAD_PORT' } });
  });

  spec('destroys the socket on unsubscribe: at once, while it connects, and between a failure and its report', async (h) => {
    const { port: hole } = await blackHole(h);
    h.observed(connectSocket({ host: HOST, port: hole })).unsubscribe();
    const waiting = h.observed(connectSocket({ host: HOST, port: hole }));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    waiting.unsubscribe();
    const failing = h.observed(connectSocket({ path: '/no/such/socket' }));
    await Promise.resolve();
    failing.unsubscribe();
  });
});
