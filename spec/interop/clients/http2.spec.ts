import { once } from 'node:events';
import http2, { type ClientHttp2Session, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { server as identity } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import type { Backend } from '../backends.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { describeClient, servingSockets } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

/** Echoes each request. A request of `/goaway` ends the session. */
function answering(server: Http2Server): Http2Server {
  return server.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200 });
    if (headers[':path'] === '/goaway') stream.session?.close();
    stream.on('error', () => {}).pipe(stream);
  });
}

async function startHttp2(isSecure: boolean): Promise<Backend> {
  const server = answering(isSecure ? http2.createSecureServer(identity) : http2.createServer());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

const connect = (route: Route): ClientHttp2Session =>
  http2.connect(`http://${route.host}:${route.port}`, { createConnection: ({ hostname, port }) => route.through.connect(port, hostname) });

async function exchange(session: ClientHttp2Session, payload: Buffer): Promise<Buffer> {
  const request = session.request({ ':method': 'POST', ':path': '/' });
  request.end(payload);
  return buffer(request);
}

async function closed(session: ClientHttp2Session): Promise<void> {
  const closing = once(session, 'close');
  session.close();
  await closing;
}

describeClient('http2', [], () => {
  const plain = started(() => startHttp2(false));
  const tls = started(() => startHttp2(true));

  eachRoute({ 'trace + socks5': () => plain().port, tlsClient: () => tls().port }, (open) => {
    spec('sends and receives 1 MiB on each of 8 concurrent streams', async (h) => {
      const session = connect(await open(h));
      const replies = await Promise.all(Array.from({ length: 8 }, () => exchange(session, PAYLOAD)));
      for (const reply of replies) h.sameBytes(reply, PAYLOAD);
      await closed(session);
    });

    spec('ends when the server closes the session', async (h) => {
      const session = connect(await open(h));
      const goaway = once(session, 'goaway');
      const closing = once(session, 'close');
      const request = session.request({ ':path': '/goaway', ':method': 'POST' });
      request.end('last');
      expect(await text(request)).toBe('last');
      await Promise.all([goaway, closing]);
    });

    spec('destroys a session with an open stream, and reports no error', async (h) => {
      const session = connect(await open(h));
      const request = session.request({ ':path': '/', ':method': 'POST' });
      await once(request, 'response');
      const closing = [once(session, 'close'), once(request, 'close')];
      session.destroy();
      await Promise.all(closing);
    });
  });
});

describeClient('http2 server', [], () => {
  eachRoute({ 'trace + socks5': () => 0, tlsClient: () => 0 }, (open, name) => {
    spec('serves sockets that `listen` accepts, with 1 MiB on each of 8 streams', async (h) => {
      const server = answering(http2.createServer());
      const port = await servingSockets(h, name, (socket) => server.emit('connection', socket));
      const session = connect(await open(h, port));
      const replies = await Promise.all(Array.from({ length: 8 }, () => exchange(session, PAYLOAD)));
      for (const reply of replies) h.sameBytes(reply, PAYLOAD);
      await closed(session);
    });
  });
});
