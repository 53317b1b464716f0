import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import { server as identity } from '../../support/certificates.ts';
import type { Backend } from '../backends.ts';

/** Starts a TLS server in this process that forwards to a server without TLS. */
export async function startTlsFront(port: number): Promise<Backend> {
  const sockets = new Set<Socket>();
  const track = <S extends Socket>(socket: S): S => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    return socket;
  };
  const front = createServer({ ...identity, allowHalfOpen: true }, (client) => {
    const back = track(connect({ host: '127.0.0.1', port, allowHalfOpen: true }));
    client.pipe(back);
    back.pipe(client);
    client.on('close', () => back.destroy());
    back.on('close', () => client.destroy());
  });
  front.on('connection', track).on('secureConnection', track);
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => front.close(resolve));
  };
  return { port: (front.address() as AddressInfo).port, stop };
}
