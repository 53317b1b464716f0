import type { Socket } from 'node:net';
import { handshake, type Plugin } from 'rxjs-io-stream';
import type { Harness } from '../support/harness.ts';
import { serve } from './tools.ts';

export const host = '127.0.0.1';

/** Sends a word and reads `ok`. */
export const knock = (word: string): Plugin =>
  handshake({
    *talk(link) {
      link.send(word);
      yield* link.read(2);
      return { word };
    },
  });

/** Listens on loopback. Calls `onSocket` with each accepted socket. */
export async function peer(h: Harness, onSocket: (socket: Socket) => void = () => {}): Promise<Peer> {
  const sockets: Socket[] = [];
  const ended = new Set<Socket>();
  const port = await serve(h, (socket) => {
    sockets.push(socket);
    for (const event of ['end', 'error', 'close']) socket.on(event, () => ended.add(socket));
    onSocket(socket);
    if (socket.listenerCount('data') === 0 && !socket.isPaused()) socket.resume();
  });
  return { port, sockets, ended, to: { host, port } };
}

/** A peer on loopback. */
export interface Peer {
  readonly port: number;
  /** The accepted sockets. */
  readonly sockets: Socket[];
  /** The sockets that have received a FIN or RST, or are closed. */
  readonly ended: Set<Socket>;
  readonly to: { readonly host: string; readonly port: number };
}

export const echo = (socket: Socket): void => void socket.pipe(socket);
export const text = (bytes: Buffer): string => bytes.toString();
