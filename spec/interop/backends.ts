import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A plain TCP server in this process, behind the real peers. */
export interface Backend {
  readonly port: number;
  stop(): Promise<void>;
}

/** Listens on loopback. The sockets may be half-open. */
export async function startBackend(each: (socket: Socket) => void): Promise<Backend> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    each(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

/** Starts an echo. It ends a connection after its peer has ended. */
export const startEcho = (): Promise<Backend> => startBackend((socket) => socket.pipe(socket));

/** The first bytes that {@link startGreeter} sends. */
export const GREETING = '220 ready when you are\r\n';

/** Starts a server that speaks first, so that its bytes follow the reply of a proxy at once. Then it is an echo. */
export const startGreeter = (): Promise<Backend> =>
  startBackend((socket) => {
    socket.write(GREETING);
    socket.pipe(socket);
  });
