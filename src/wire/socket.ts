import { Socket, type NetConnectOpts, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net';
import { Observable } from 'rxjs';
import { discard } from './discard.ts';
import { ownOptions } from './own-options.ts';
import { SOCKET_READS } from './socket-reads.ts';

/**
 * The options of a new socket, those included that Node adds itself. In Node 20 a copy of an object that gets properties added
 * has a hidden class of its own each time, and `new Socket` then takes 4.7 µs instead of 0.15.
 */
function socketOptions(target: NetConnectOpts): SocketConstructorOpts {
  const { noDelay = false, keepAlive = false } = target as Partial<TcpNetConnectOpts>;
  const options = {
    allowHalfOpen: true,
    emitClose: false,
    autoDestroy: true,
    decodeStrings: false,
    noDelay,
    keepAlive,
    onread: SOCKET_READS,
  };
  return options;
}

/**
 * Connects one socket to one address. Emits it connected and completes; errors with Node's error. Unsubscribed before that, it
 * destroys the socket. Whoever takes it listens at once to `'data'`, which holds nothing back for him, and calls `endReads` in the
 * end. `autoSelectFamily` is off: racing addresses is ours to do.
 */
export function connectSocket(target: NetConnectOpts): Observable<Socket> {
  return new Observable((connected) => {
    const options = ownOptions({ ...target, autoSelectFamily: false, allowHalfOpen: true, onread: SOCKET_READS }, 'Socket');
    const socket = new Socket(socketOptions(target));
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
