import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { Observable } from 'rxjs';

/**
 * Connects one socket to one address. Emits it connected and completes; errors with Node's error. Unsubscribed before that, it
 * destroys the socket. `autoSelectFamily` is off: racing addresses is ours to do.
 */
export function connectSocket(options: NetConnectOpts): Observable<Socket> {
  return new Observable((connected) => {
    const socket = connect({ ...options, autoSelectFamily: false, allowHalfOpen: true } as NetConnectOpts);
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
      // A destroyed socket may still report what failed before; nobody is left to be told.
      socket.on('error', () => undefined).destroy();
    });
  });
}
