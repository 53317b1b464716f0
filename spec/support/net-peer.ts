import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Peer } from '../../src/testing/rules/wire-peer.ts';
import type { WireUnderTest } from '../../src/testing/rules/wire/wire-under-test.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { tcp } from '../../src/wire/tcp.ts';
import { unix } from '../../src/wire/unix.ts';

/** A socket of Node as the other end of a wire under test. */
export function socketPeer(socket: Socket): Peer {
  const chunks: Buffer[] = [];
  let [count, ended, failed] = [0, false, false];
  socket
    .on('data', (chunk) => {
      chunks.push(chunk);
      count += chunk.length;
    })
    .on('end', () => (ended = true))
    .on('error', () => (failed = true));
  return {
    write: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    reset: () => {
      // Only TCP has a reset.
      if (socket.remoteFamily === undefined) socket.destroy();
      else socket.resetAndDestroy();
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    received: () => Buffer.concat(chunks),
    count: () => count,
    ended: () => ended,
    failed: () => failed,
  };
}

/** A new TCP wire and a listener on loopback, for `checkWire`. */
export async function tcpUnderTest(): Promise<WireUnderTest> {
  const server = createServer({ allowHalfOpen: true });
  const accepted = accept(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { wire: tcp(), dial: testDial({ to: { host: '127.0.0.1', port } }), ...accepted };
}

let paths = 0;

/** A new wire of a UNIX socket and a listener on a path, for `checkWire`. */
export async function unixUnderTest(): Promise<WireUnderTest> {
  const path = join(tmpdir(), `io-stream-${process.pid}-${(paths += 1)}.sock`);
  const server = createServer({ allowHalfOpen: true });
  const { free, ...accepted } = accept(server);
  server.listen(path);
  await once(server, 'listening');
  return {
    wire: unix(),
    dial: testDial({ to: { path } }),
    ...accepted,
    free: async () => {
      await free();
      rmSync(path, { force: true });
    },
  };
}

/** Returns connections in the order in which they were accepted. */
function accept(server: Server): { peer(): Promise<Peer>; dialled(): number; free(): Promise<void> } {
  const sockets: Socket[] = [];
  const peers: Peer[] = [];
  const waiting: ((peer: Peer) => void)[] = [];
  server.on('connection', (socket) => {
    sockets.push(socket);
    const peer = socketPeer(socket);
    const next = waiting.shift();
    if (next) next(peer);
    else peers.push(peer);
  });
  return {
    peer: async () => peers.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    dialled: () => sockets.length,
    free: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
