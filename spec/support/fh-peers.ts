import { once } from 'node:events';
import { fstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll } from 'vitest';
import type { Harness } from './harness.ts';

/** Removed after the specs of the file. */
export const directory: string = mkdtempSync(join(tmpdir(), 'fh-'));
afterAll(() => rmSync(directory, { recursive: true }));
let names = 0;
/** Returns an unused path. */
export const fresh = (): string => join(directory, `${(names += 1)}`);

/** Creates a file. */
export function file(content: string | Uint8Array = ''): string {
  const path = fresh();
  writeFileSync(path, content);
  return path;
}

export function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

/** A connected pair on a loopback port or a path: a plain socket `peer`, and the `fh` under test. */
export async function pair(h: Harness, side: 'accepted' | 'connected', path?: string): Promise<{ fh: Socket; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  await listening(h, server, path);
  const accepting = once(server, 'connection') as Promise<[Socket]>;
  const connected = connect({ ...addressOf(server), allowHalfOpen: true });
  await once(connected, 'connect');
  const [accepted] = await accepting;
  const [fh, peer] = side === 'accepted' ? [accepted, connected] : [connected, accepted];
  h.defer(() => peer.destroy());
  return { fh, peer };
}

/** Starts a server on a loopback port or a path. */
export async function listening(h: Harness, server: Server, path?: string): Promise<void> {
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  h.defer(() => server.close());
  await once(server, 'listening');
}

/** The options to connect to it. */
export function addressOf(server: Server): { host: string; port: number } | { path: string } {
  const address = server.address()!;
  return typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: address.port };
}

/** Reads up to the end. The stream stays open; an async iterator would destroy it. */
export async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  await once(
    stream.on('data', (chunk: Buffer) => chunks.push(chunk)),
    'end',
  );
  return Buffer.concat(chunks).toString();
}
