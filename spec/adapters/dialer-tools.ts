import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Lookup } from 'rxjs-io-stream';
import { server as identity } from '../support/certificates.ts';
import type { Harness } from '../support/harness.ts';
import { served } from '../support/loopback.ts';

/** Starts a server that sends `hello` and ends. Returns its port. */
export async function greeter(h: Harness): Promise<number> {
  return ((await served(h, (socket) => socket.end('hello'))) as { port: number }).port;
}

/** Starts a TLS server of Node that speaks `h2`, sends `hello` and ends. Returns its port. */
export async function tlsGreeter(h: Harness): Promise<number> {
  const server = createServer({ ...identity, ALPNProtocols: ['h2'] }, (socket) => socket.on('error', () => {}).end('hello'));
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  h.defer(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Starts a server that keeps its sockets. `accepted()` resolves with the first one. */
export async function keeper(h: Harness): Promise<{ host: string; port: number; sockets: Socket[]; accepted: () => Promise<Socket> }> {
  const sockets: Socket[] = [];
  const place = (await served(h, (socket) => sockets.push(socket))) as { host: string; port: number };
  const accepted = async (): Promise<Socket> => {
    await h.until(() => sockets.length > 0, 'a connection');
    return sockets[0]!;
  };
  return { ...place, sockets, accepted };
}

/** Records the names of the events of a socket, in order. */
export function eventsOf(socket: { on(name: string, listener: () => void): unknown }): string[] {
  const events: string[] = [];
  for (const name of ['connect', 'ready', 'secureConnect', 'error', 'close']) socket.on(name, () => events.push(name));
  return events;
}

/** A resolver that changes its mind: each lookup gets the next address. `asked` lists the names. */
export function changingLookup(...answers: readonly string[]): { readonly lookup: Lookup; readonly asked: string[] } {
  const asked: string[] = [];
  const lookup: Lookup = (host, _options, callback) => {
    asked.push(host);
    callback(null, [{ address: answers[asked.length - 1] ?? '192.0.2.255', family: 4 }]);
  };
  return { lookup, asked };
}
