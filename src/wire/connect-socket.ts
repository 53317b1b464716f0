import { Socket, type IpcNetConnectOpts, type NetConnectOpts, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net';
import { Observable, type Unsubscribable } from 'rxjs';
import { discard } from './discard.ts';
import { SOCKET_READS } from './socket-reads.ts';

/**
 * Creates the options of a new socket, including those that Node adds itself. Node 20: a copied object to which Node adds
 * properties gets its own hidden class each time. `new Socket` then needs 4.7 µs instead of 0.15 µs.
 */
function socketOptions({ noDelay = false, keepAlive = false }: ConnectOptions): SocketConstructorOpts {
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

/** Where a socket connects to and from, and its options. */
type SocketTarget = Partial<
  Pick<TcpNetConnectOpts & IpcNetConnectOpts, 'host' | 'port' | 'path' | 'localAddress' | 'localPort' | 'noDelay' | 'keepAlive'>
>;

/** Own values for all that a target does not name, so that none is read from `Object.prototype`. */
const UNSET: { readonly [K in keyof Required<SocketTarget>]: undefined } = {
  host: undefined,
  port: undefined,
  path: undefined,
  localAddress: undefined,
  localPort: undefined,
  noDelay: undefined,
  keepAlive: undefined,
};

/**
 * Options of `connect` that inherit nothing: Node must read no option from `Object.prototype`. A class, because a copy with another
 * prototype takes 4 µs longer. `autoSelectFamily` is off, because `race` races the addresses.
 */
class ConnectOptions {
  static {
    Object.setPrototypeOf(this.prototype, null);
  }

  readonly autoSelectFamily = false;
  readonly allowHalfOpen = true;
  readonly onread = SOCKET_READS;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly noDelay: boolean | undefined;
  readonly keepAlive: boolean | undefined;

  constructor(target: SocketTarget) {
    const { host, port, path, localAddress, localPort, noDelay, keepAlive } = { ...UNSET, ...target };
    this.host = host;
    this.port = port;
    this.path = path;
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.noDelay = noDelay;
    this.keepAlive = keepAlive;
  }
}

/** Connects one socket to one address. Calls `connected` or `failed` once, unless it is unsubscribed before. */
export class SocketAttempt implements Unsubscribable {
  readonly #socket: Socket;
  readonly #onConnect: () => void;
  readonly #onError: (error: Error) => void;

  constructor(target: SocketTarget, connected: (socket: Socket) => void, failed: (error: Error) => void) {
    const options = new ConnectOptions(target);
    const socket = new Socket(socketOptions(options));
    this.#socket = socket;
    this.#onConnect = () => {
      this.#removeListeners();
      connected(socket);
    };
    this.#onError = failed;
    socket.on('connect', this.#onConnect).on('error', failed);
    try {
      socket.connect(options as NetConnectOpts);
    } catch (error) {
      this.#free(); // The socket already has a handle.
      throw error;
    }
  }

  /** Destroys the socket, unless it is connected. */
  unsubscribe(): void {
    if (this.#socket.connecting || this.#socket.destroyed) this.#free();
  }

  #free(): void {
    this.#removeListeners();
    discard(this.#socket);
  }

  #removeListeners(): void {
    this.#socket.off('connect', this.#onConnect).off('error', this.#onError);
  }
}

/**
 * Connects one socket to one address. Emits the connected socket and completes, or errors with Node's error. Unsubscribing before
 * that destroys the socket. The subscriber must listen to `'data'` at once, because the socket does not buffer input. It must
 * call `endReads` when it has stopped reading.
 */
export function connectSocket(target: SocketTarget): Observable<Socket> {
  return new Observable((out) => {
    const connected = (socket: Socket): void => {
      out.next(socket);
      out.complete();
    };
    return new SocketAttempt(target, connected, (error) => out.error(error));
  });
}
