import { once } from 'node:events';
import type http from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { agent, type AgentOptions } from '../../src/adapters/agent.ts';
import type { Harness } from '../support/harness.ts';

/** Sends a request with the callback of its response. */
type SendRequest = (onResponse: (response: IncomingMessage) => void) => http.ClientRequest;

/** Listens on a free port or a path until the end of the spec, and counts the connections. */
export async function listening(
  h: Harness,
  server: Server,
  at: { path?: string } = {},
): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    connections += 1;
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
  });
  server.listen(at.path === undefined ? { port: 0, host: '127.0.0.1' } : at);
  await once(server, 'listening');
  h.defer(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { port: (server.address() as Partial<AddressInfo>).port ?? 0, connections: () => connections };
}

/** Responds with the address and the port of the client. */
export const sendClientAddress: RequestListener = ({ socket }, response) => response.end(`${socket.remoteAddress} ${socket.remotePort}`);

/** Makes an agent that is destroyed at the end of the spec. */
export function testAgent(h: Harness, options: AgentOptions = {}): http.Agent {
  const made = agent(options);
  h.defer(() => made.destroy());
  return made;
}

/** Sends a request. Resolves with the body of the response. */
export async function fetchText(send: SendRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    send((response) => void text(response).then(resolve, reject)).on('error', reject);
  });
}

/** Sends a request. Resolves with its error. */
export async function failureOf(send: SendRequest): Promise<Error> {
  return fetchText(send).then(
    () => expect.unreachable('no error'),
    (error: unknown) => error as Error,
  );
}

/** Returns the numbers of used sockets, free sockets and waiting requests of an agent. */
export const countsOf = ({ sockets, freeSockets, requests }: http.Agent): number[] =>
  [sockets, freeSockets, requests].map((each) => (Object.values(each) as unknown[][]).flat().length);

/** Destroys a request, and waits for its 'close'. */
export async function destroyed(request: http.ClientRequest): Promise<void> {
  await new Promise((resolve) => request.on('close', resolve).destroy());
}
