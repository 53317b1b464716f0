import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { server as identity } from '../../support/certificates.ts';

/** A web server in this process, on one port for http and one for https. */
export interface Web {
  readonly plain: number;
  readonly tls: number;
  /** Returns the number of requests for a path. */
  requests(path: string): number;
  /** Closes all connections, also those whose requests are never read. */
  closeConnections(): void;
  stop(): Promise<void>;
}

type Page = (request: IncomingMessage, response: ServerResponse, visit: number) => unknown;

const PAGES: Readonly<Record<string, Page>> = {
  '/hello': (_, response) => response.end('hello'),
  '/echo': (request, response) => request.pipe(response),
  /** Responds with the client's port, to recognize two requests over one connection. */
  '/port': ({ socket }, response) => response.end(String(socket.remotePort)),
  '/moved': (_, response) => response.writeHead(302, { location: '/hello' }).end(),
  '/silence': () => {},
  '/half': (_, response) => response.writeHead(200, { 'content-length': 10 }).write('hell'),
  '/cut': (_, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('hell', () => cut(response.socket!));
  },
  '/reset-once': ({ socket }, response, visit) => (visit === 1 ? cut(socket) : response.end('hello')),
  '/busy-once': (_, response, visit) => (visit === 1 ? response.writeHead(503).end('busy') : response.end('hello')),
  '/silence-once': (_, response, visit) => visit > 1 && response.end('hello'),
  /** Never reads the body. */
  '/full': (request) => void request.pause(),
};

/** Resets a connection. Node's TLS cannot: it closes without close_notify. */
function cut(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

export async function startWeb(): Promise<Web> {
  const visits = new Map<string, number>();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '';
    const visit = (visits.get(path) ?? 0) + 1;
    visits.set(path, visit);
    const page = PAGES[new URL(path, 'http://localhost').pathname];
    if (page) page(request, response, visit);
    else response.writeHead(404).end();
  };
  const sockets = new Set<Socket>();
  const servers = [http.createServer(serve), https.createServer(identity, serve)];
  for (const server of servers) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const [plain = 0, tls = 0] = servers.map((server) => (server.address() as AddressInfo).port);
  const closeConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async (): Promise<void> => {
    closeConnections();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  return { plain, tls, requests: (path) => visits.get(path) ?? 0, closeConnections: closeConnections, stop };
}
