import { Socket, type SocketConstructorOpts } from 'node:net';
import type { StreamPair } from '../open-stream.ts';
import type { FdKind } from './fd-kind.ts';
import { noDescriptor } from './no-descriptor.ts';
import { onDestroy } from './on-destroy.ts';

/**
 * Creates the socket of a descriptor of a socket or a pipe. The socket closes the descriptor.
 *
 * @param onClosing called when the close is requested.
 */
export function socketStreams(fd: number, { sort, canRead, canWrite }: FdKind, onClosing: () => void): StreamPair {
  // Node sets `manualStart` for its own process.stdin: the socket reads no byte before it is asked to.
  const options = { fd, readable: canRead, writable: canWrite, manualStart: true } satisfies SocketConstructorOpts & {
    manualStart: boolean;
  };
  let socket: Socket;
  try {
    socket = new Socket(options);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw noDescriptor('a descriptor without another reader', `${fd}, which is in use`, 'pass its stream', cause);
    throw noDescriptor('a descriptor of a TCP or UNIX socket or a pipe', `${fd} (${message})`, 'use another API', cause);
  }
  onDestroy(socket, onClosing);
  return { readable: canRead ? socket : undefined, writable: canWrite ? socket : undefined, fin: sort === 'socket' };
}
