import { Socket, type NetConnectOpts } from 'node:net';
import { Observable } from 'rxjs';
import { discard } from './discard.ts';
import { SOCKET_READS } from './socket-reads.ts';

/**
 * Connects one socket to one address. Emits it connected and completes; errors with Node's error. Unsubscribed before that, it
 * destroys the socket. Whoever takes it listens at once to `'data'`, which holds nothing back for him, and calls `endReads` in the
 * end. `autoSelectFamily` is off: racing addresses is ours to do.
 */
export function connectSocket(target: NetConnectOpts): Observable<Socket> {
  return new Observable((connected) => {
    const options = { ...target, autoSelectFamily: false, allowHalfOpen: true, onread: SOCKET_READS };
    const socket = new Socket(options);
    const onConnect = (): void => {
      free();
      connected.next(socket);
      connected.complete();
    };
    const onError = (error: Error): void => connected.error(error);
    const free = (): void => {
      socket.off('connect', onConnect).off('error', onError);
    };
    socket.on('connect', onConnect).on('error', onError);
    connected.add(() => {
      if (!socket.connecting && !socket.destroyed) return;
      free();
      discard(socket);
    });
    socket.connect(options); // May throw, and then has a handle already.
  });
}
