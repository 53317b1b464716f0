import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { server as identity } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import type { Backend } from '../backends.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { describeClient, servingSockets } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

/** The code of a connection that ended without a close frame. */
const ABNORMAL = 1006;

/** Echoes each message. The text `leave` terminates the connection. */
function echoes(socket: WebSocket): void {
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary && data.toString() === 'leave') socket.terminate();
    else socket.send(data, { binary: isBinary });
  });
}

async function startWebSocketServer(isSecure: boolean): Promise<Backend> {
  const http = isSecure ? createTlsServer(identity) : createServer();
  const server = new WebSocketServer({ server: http }).on('connection', echoes);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const stop = async (): Promise<void> => {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => http.close(resolve));
  };
  return { port: (http.address() as AddressInfo).port, stop };
}

async function connect(route: Route): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${route.host}:${route.port}/`, { createConnection: route.through.connect as never });
  await once(socket, 'open');
  return socket;
}

describeClient('ws', [], () => {
  const plain = started(() => startWebSocketServer(false));
  const tls = started(() => startWebSocketServer(true));

  eachRoute({ 'trace + socks5': () => plain().port, tlsClient: () => tls().port }, (open) => {
    spec('sends and receives 1 MiB, and closes with a code', async (h) => {
      const socket = await connect(await open(h));
      socket.send(PAYLOAD);
      const [bytes] = (await once(socket, 'message')) as [Buffer];
      h.sameBytes(bytes, PAYLOAD);
      socket.close(4000, 'bye');
      const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
      expect([code, reason.toString()]).toStrictEqual([4000, 'bye']);
    });

    spec('terminates without an error while a message is being sent', async (h) => {
      const socket = await connect(await open(h));
      socket.send(PAYLOAD);
      socket.terminate();
      expect((await once(socket, 'close'))[0]).toBe(ABNORMAL);
    });

    spec('reports an abnormal closure when the server terminates', async (h) => {
      const socket = await connect(await open(h));
      socket.send('leave');
      expect((await once(socket, 'close'))[0]).toBe(ABNORMAL);
    });

    spec('terminates while connecting, and then connects again', async (h) => {
      const route = await open(h);
      const socket = new WebSocket(`ws://${route.host}:${route.port}/`, { createConnection: route.through.connect as never });
      const failure = once(socket, 'error') as Promise<[Error]>;
      socket.terminate();
      expect((await failure)[0].message).toMatch(/closed before the connection was established/);
      await connect(route).then(async (next) => {
        next.close();
        await once(next, 'close');
      });
    });
  });
});

describeClient('ws server', [], () => {
  eachRoute({ 'trace + socks5': () => 0, tlsClient: () => 0 }, (open, name) => {
    spec('serves sockets that `listen` accepts: echoes 1 MiB, closes, and terminates', async (h) => {
      const http = createServer();
      new WebSocketServer({ server: http }).on('connection', echoes);
      const port = await servingSockets(h, name, (socket) => http.emit('connection', socket));
      const route = await open(h, port);
      const [first, second] = [await connect(route), await connect(route)];
      first.send(PAYLOAD);
      const [bytes] = (await once(first, 'message')) as [Buffer];
      h.sameBytes(bytes, PAYLOAD);
      first.close(4000);
      expect((await once(first, 'close'))[0]).toBe(4000);
      second.send('leave');
      expect((await once(second, 'close'))[0]).toBe(ABNORMAL);
    });
  });
});
