import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Harness } from './harness.ts';

/** The address of a peer on this machine, for `new IOStream` and `net.connect`. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** The owner of a peer: the harness of a spec, or {@link unwatched}. */
type Owner = Pick<Harness, 'defer' | 'peer'>;

/** The two kinds of sockets, for `describe.each`: where `served` and `pair` listen. */
export const TRANSPORTS = ['TCP', 'UNIX'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Returns a path for a UNIX socket, in a directory that is removed at the end of the spec. */
export function socketPath(h: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), 'loopback-'));
  h.defer(() => rmSync(directory, { recursive: true }));
  return join(directory, 'socket');
}

/**
 * A peer: listens on loopback, and calls `each` with its half-open sockets. Closed at the end of the spec. An error that
 * `each` throws fails the spec. An error of a socket does not reach the process.
 */
export async function served(h: Owner, each: (socket: Socket) => unknown = () => {}, transport: Transport = 'TCP'): Promise<Place> {
  return (await listening(h, each, transport)).place;
}

/** Two ends of one connection: `near` for the stream, `far` for a plain socket as its peer. */
export async function pair(h: Owner, transport: Transport = 'TCP'): Promise<{ near: Socket; far: Socket }> {
  const { server, place } = await listening(h, () => {}, transport);
  const accepting = once(server, 'connection') as Promise<[Socket]>;
  const near = connect({ ...place, allowHalfOpen: true });
  near.on('error', () => {});
  h.defer(() => near.destroy());
  const [[far]] = await Promise.all([accepting, once(near, 'connect')]);
  near.removeAllListeners('error');
  return { near, far };
}

async function listening(h: Owner, each: (socket: Socket) => unknown, transport: Transport): Promise<{ server: Server; place: Place }> {
  const sockets = new Set<Socket>();
  const accepted = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    each(socket);
  };
  const server = createServer({ allowHalfOpen: true }, h.peer(accepted));
  h.defer(() => {
    for (const socket of sockets) socket.destroy();
  });
  server.listen(transport === 'UNIX' ? { path: socketPath(h) } : { port: 0, host: '127.0.0.1' });
  h.defer(() => server.close());
  await once(server, 'listening');
  const address = server.address()!;
  return { server, place: typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: address.port } };
}

/** The owner for a spec without a harness: one that runs concurrently, or whose work is done by a program. Takes its `onTestFinished`. */
export function unwatched(finished: (cleanup: () => Promise<void>) => void): Owner {
  const defer: Owner['defer'] = (cleanup) =>
    finished(async () => {
      await cleanup();
    });
  return { defer, peer: (work) => work };
}

/** A port of this machine without a listener. Below 32768: the kernel lends those above to any socket, before the spec listens there. */
export async function deadPort(): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 22_768);
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return deadPort(); // In use.
  }
  server.close();
  await once(server, 'close');
  return port;
}

/** Reads a plain socket up to the end. It stays open for writing. Rejects with the error of the socket, if the promise is awaited. */
export function allOf(socket: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const all = new Promise<Buffer>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject).on('close', () => reject(new Error(`closed before the end, after ${Buffer.concat(chunks).length} bytes`)));
  });
  all.catch(() => {});
  return all;
}

/** Returns test bytes in which neighbours differ. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = at % 251;
  return bytes;
}
