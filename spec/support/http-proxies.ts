import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Harness } from './harness.ts';
import { served } from './loopback.ts';

/** Where a proxy of a spec listens. */
export interface ProxyPlace {
  readonly host: string;
  readonly port: number;
}

/** A proxy on Node's own HTTP server and its parser of requests. Closed at the end of the spec. */
export async function nodeProxy(
  h: Pick<Harness, 'defer' | 'peer'>,
  { credentials, seen = () => {} }: { credentials?: string; seen?: (request: IncomingMessage) => void } = {},
): Promise<ProxyPlace> {
  const sockets = new Set<Socket>();
  const destroyAtEnd = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const server = createServer({ requireHostHeader: true });
  server.on('connection', destroyAtEnd);
  server.on(
    'connect',
    h.peer((request: IncomingMessage, client: Socket, head: Buffer) => {
      seen(request);
      const received = Buffer.from((request.headers['proxy-authorization'] ?? '').replace(/^Basic /, ''), 'base64').toString();
      if (credentials !== undefined && received !== credentials) {
        client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="node"\r\nConnection: close\r\n\r\nno');
        return;
      }
      const { hostname, port } = new URL(`http://${request.url ?? ''}`);
      const target = connect({ host: hostname.replace(/[[\]]/g, ''), port: Number(port), allowHalfOpen: true });
      destroyAtEnd(target);
      target.on('error', () => client.writable && client.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'));
      target.on('connect', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        target.write(head);
        target.pipe(client);
        client.pipe(target);
      });
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  h.defer(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** A request to a scripted proxy: its text, its socket, and the numbers of the connection and of the request, from 0. */
export interface ProxyRequest {
  readonly text: string;
  readonly socket: Socket;
  readonly connection: number;
  readonly turn: number;
}

/** A proxy that calls `answer` with each request head. Records the heads in `requests`; `all()` returns all that it received. */
export async function scriptedProxy(
  h: Harness,
  answer: (request: ProxyRequest) => unknown,
): Promise<{ readonly place: ProxyPlace; readonly requests: string[]; readonly all: () => string }> {
  const requests: string[] = [];
  let all = '';
  let connections = 0;
  const place = await served(h, (socket) => {
    const connection = connections++;
    let open = '';
    socket.setEncoding('latin1').on(
      'data',
      h.peer((text: string) => {
        all += text;
        open += text;
        for (let end = open.indexOf('\r\n\r\n'); end >= 0; end = open.indexOf('\r\n\r\n')) {
          const request = open.slice(0, end + 4);
          open = open.slice(end + 4);
          requests.push(request);
          answer({ text: request, socket, connection, turn: requests.length - 1 });
        }
      }),
    );
  });
  if (!('port' in place)) throw new Error('expected a TCP server');
  return { place, requests, all: () => all };
}
