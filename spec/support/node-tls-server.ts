import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import type { Target } from '../../src/wire/signal.ts';
import * as certificates from './certificates.ts';
import type { Harness } from './harness.ts';

/**
 * Starts a server of Node's own TLS on loopback. Calls `each` with the TLS socket, which allows half-open, and with the TCP socket
 * below it, on which a FIN can be sent without close_notify.
 */
export async function nodeTlsServer(
  h: Harness,
  options: TlsOptions,
  each: (socket: TLSSocket, below: Socket) => void = () => {},
): Promise<Target> {
  const tls = createServer({ ...certificates.server, allowHalfOpen: true, ...options }).on('tlsClientError', () => {});
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    h.defer(() => socket.destroy());
    socket.on('error', () => {});
    tls.once(
      'secureConnection',
      h.peer((secure: TLSSocket) =>
        each(
          secure.on('error', () => {}),
          socket,
        ),
      ),
    );
    tls.emit('connection', socket);
  }).listen(0, '127.0.0.1');
  h.defer(() => server.close());
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
