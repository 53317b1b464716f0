import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Harness } from './harness.ts';

/** Where a peer of this machine listens: what `new IOStream` and `net.connect` take. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** Whose a peer is: the harness of a spec, or {@link unwatched}. */
type Owner = Pick<Harness, 'defer' | 'peer'>;

/** The two kinds of sockets, for `describe.each`: where `served` and `pair` listen. */
export const TRANSPORTS = ['TCP', 'UNIX'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** A path for a UNIX socket, in a directory of its own that goes with the spec. */
export function socketPath(h: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), 'loopback-'));
  h.defer(() => rmSync(directory, { recursive: true }));
  return join(directory, 'socket');
}

/**
 * A peer: listens on loopback and hands out its sockets, half-open as they come. All of it goes at the end of the spec. What
 * `each` throws fails the spec; a socket that fails is the spec's business, not the process's.
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

/** For a spec that has no harness, since others run at the same time or a program does its work; give it the spec's `onTestFinished`. */
export function unwatched(finished: (cleanup: () => Promise<void>) => void): Owner {
  const defer: Owner['defer'] = (cleanup) =>
    finished(async () => {
      await cleanup();
    });
  return { defer, peer: (work) => work };
}

/** A port of this machine on which nobody listens. */
export async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** All that a plain socket reads up to the end; it stays open for writing. Rejects with the socket's error, if somebody waits. */
export function allOf(socket: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const all = new Promise<Buffer>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject).on('close', () => reject(new Error(`closed before the end, after ${Buffer.concat(chunks).length} bytes`)));
  });
  all.catch(() => {});
  return all;
}

/** Bytes that are easy to tell apart. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = at % 251;
  return bytes;
}
