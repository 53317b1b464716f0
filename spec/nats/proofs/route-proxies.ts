import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ClusterOptions } from '../../interop/peers/nats.ts';

/** TCP proxies between the brokers of a cluster, which can cut their routes. */
export class RouteProxies {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** For {@link ClusterOptions.routeVia}. */
  readonly via: NonNullable<ClusterOptions['routeVia']> = async (_at, port) => {
    const server = createServer((near) => {
      const far = connect({ port, host: '127.0.0.1' });
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    }).listen(0, '127.0.0.1');
    this.#servers.push(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  /** Resets all routes. The brokers dial them again, about a second later. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
