import { EventEmitter } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { MessagePort } from 'node:worker_threads';

/** Marks the messages between `distribute` and the listeners in its workers. Others pass by. */
const MARK = 'rxjs-io-stream:distribute';

/** Sent to a worker: the bound address as the answer to `listening`, a socket, and that no further socket will come. */
export type ToWorker =
  | { readonly kind: 'address'; readonly address: AddressInfo }
  | { readonly kind: 'socket'; readonly socket: Socket }
  | { readonly kind: 'end' };

/** Sent by a worker: it wants sockets, wants no more, and returns one that came too late. */
export type FromWorker = { readonly kind: 'listening' | 'stop' } | { readonly kind: 'return'; readonly socket: Socket };

/** The part of a port that both sides use. The types of Node 20 do not know that a socket can be transferred. */
export interface SocketPort {
  postMessage(message: unknown, transfer?: readonly never[]): void;
}

/** Sends a message. A socket in it moves to the other thread. */
export function post(port: SocketPort, message: ToWorker | FromWorker): void {
  port.postMessage({ [MARK]: true, ...message }, 'socket' in message ? [message.socket as never] : []);
}

/** Returns a message of {@link post}, or undefined for one of others. */
export function received(message: unknown): object | undefined {
  return typeof message === 'object' && message !== null && Object.hasOwn(message, MARK) ? message : undefined;
}

/** The options of transferred sockets. */
interface SocketOptions {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
}

/**
 * Listens for sockets that `distribute` transfers to this thread, with the part of `net.Server` that a `Server` uses.
 *
 * After `close`, sockets that were on their way are returned, so that another worker serves them.
 */
export class TransferredSockets extends EventEmitter {
  readonly #port: MessagePort;
  readonly #options: SocketOptions;
  #address: AddressInfo | null = null;
  #isClosed = false;

  constructor(port: MessagePort, options: SocketOptions) {
    super();
    this.#port = port;
    this.#options = options;
  }

  /** Asks for sockets. Calls `onListening` when the address is known. */
  listen(onListening: () => void): void {
    this.once('listening', onListening);
    this.#port.on('message', this.#onMessage);
    post(this.#port, { kind: 'listening' });
  }

  address(): AddressInfo | null {
    return this.#address;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    post(this.#port, { kind: 'stop' }); // The answer is `end`, behind the last socket.
  }

  readonly #onMessage = (value: unknown): void => {
    const message = received(value) as ToWorker | undefined;
    if (message?.kind === 'address') {
      this.#address = message.address;
      this.emit('listening');
    } else if (message?.kind === 'socket') {
      this.#accept(message.socket);
    } else if (message?.kind === 'end') {
      this.#port.off('message', this.#onMessage);
    }
  };

  #accept(socket: Socket): void {
    if (this.#isClosed) {
      post(this.#port, { kind: 'return', socket });
      return;
    }
    socket.allowHalfOpen = true;
    socket.setNoDelay(this.#options.noDelay).setKeepAlive(this.#options.keepAlive);
    this.emit('connection', socket);
  }
}
