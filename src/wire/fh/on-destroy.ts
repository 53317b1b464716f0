import type { Socket } from 'node:net';

/** Calls `closing` when a socket closes its descriptor. It does so in `destroy`, and emits `'close'` one turn later. */
export function onDestroy(socket: Socket, closing: () => void): void {
  const destroy = socket._destroy.bind(socket);
  socket._destroy = (error, done) => {
    closing();
    destroy(error, done);
  };
}
