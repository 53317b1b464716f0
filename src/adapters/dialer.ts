import type { Socket } from 'node:net';
import { checkOptionsWithoutEndpoint } from '../stream/check-stream-options.ts';
import { IOStream, type IOStreamOptions } from '../stream/io-stream.ts';
import { tlsClient, type TlsClientOptions } from '../plugins/tls/tls-client.ts';
import { isTls } from '../plugins/tls/tls-plugins.ts';
import { ownOptions } from '../util/own-options.ts';
import { pluginEntries } from '../wire/stack.ts';
import { targetOf } from './agent-request.ts';
import { defined } from './defined.ts';
import { dialDuplex } from './dial-duplex.ts';
import { readDialArguments, requestOf, type DialArguments, type DialTarget } from './dial-target.ts';
import { openDoor, type Door, type DoorOptions } from './door.ts';
import { IOStreamDuplex } from './io-stream-duplex.ts';
import { LateDial } from './late-dial.ts';
import { SecureDuplex } from './secure-duplex.ts';
import type { SocketDuplex } from './socket-duplex.ts';
import { undiciConnector, type UndiciConnector } from './undici-connector.ts';
import { usableEvent } from './when-created.ts';

/** The options of a {@link dialer}: those of a stream about connecting, and `tls`. */
export interface DialerOptions extends Pick<
  IOStreamOptions,
  'plugin' | 'timeouts' | 'guard' | 'lookup' | 'family' | 'localAddress' | 'noDelay' | 'scheduler'
> {
  /** The TLS options of `undici` for `https:`, as for `tlsClient`; only without a TLS plugin on top. @default those of `tlsClient` */
  readonly tls?: TlsClientOptions | undefined;
}

const NAMES = ['plugin', 'timeouts', 'guard', 'lookup', 'family', 'localAddress', 'noDelay', 'scheduler', 'tls'] as const;

/**
 * The socket of a {@link Dialer}: a {@link SocketDuplex}. Its type is also `net.Socket`, which libraries ask for. It is no instance of
 * that class, and lacks `bufferSize` and `autoSelectFamilyAttemptedAddresses`.
 */
export type DialerSocket = SocketDuplex & Socket;

/** Opens connections over one stack of plugins, in the forms that libraries take. Its members need no `this`. See {@link dialer}. */
export interface Dialer {
  /**
   * Dials, with the arguments of `net.connect`: `(target, callback?)`, `(port, host?, callback?)` or `(path, callback?)`. Ports may be
   * text.
   *
   * The callback is called when the connection is usable: at `'connect'`, with a TLS plugin on top at `'secureConnect'`.
   *
   * @throws TypeError for a wrong target; nothing is dialled then.
   */
  readonly connect: (...args: DialArguments) => DialerSocket;
  /**
   * Returns a socket that dials when its method `connect` is called, with the arguments of `net.connect`. What was set and written
   * before applies then. Takes no arguments, so that it can be a library's callback.
   */
  readonly socket: () => DialerSocket;
  /**
   * The `connect` option of undici's `Agent`, `Pool` and `Client`. For `https:` it adds `tlsClient` with the options `tls`, unless the
   * topmost plugin is a TLS plugin. With `allowH2: true` of the Agent it offers HTTP/2.
   */
  readonly undici: UndiciConnector;
  /**
   * Listens on a free port of 127.0.0.1, and relays each connection to the target: for clients that take no socket. Other users of this
   * machine can connect to it, too. A client is reset if its dial fails; `errors$` emits why.
   *
   * Rejects with a TypeError for wrong options, and with an `IOStreamError` if it cannot listen.
   */
  readonly door: (target: DialTarget, options?: DoorOptions) => Promise<Door>;
}

/**
 * Opens connections for other libraries, over a stack of plugins such as a proxy or TLS.
 *
 * ```text
 *   pg, ws, mysql2, …   ── connect(…) or socket() ──┐
 *   undici, fetch       ── undici ── tlsClient ─────┼── plugins ── tcp ── server
 *   any other client    ── a port ── door(target) ──┘
 * ```
 *
 * `connect` works as `net.connect`. `socket` returns a socket that dials later. `undici` is a connector. `door` opens a local port.
 * `guard` judges the target of each.
 *
 * **Errors**
 * - A failed connection is the `'error'` of its socket, with Node's code (`ENOTFOUND`, `ECONNREFUSED`, …) and the `IOStreamError` in
 *   `cause`; see `toDuplex`.
 * - `undici` passes it to its callback. `door` resets the client, and emits it on `errors$`.
 *
 * **Closing**
 * - You or the library close each connection. A dialer itself holds none. A door is closed by `close()` or `await using`.
 *
 * **Backpressure**
 * - In both directions, as with `toDuplex` and `relay`.
 *
 * **Memory**
 * - Keeps the TLS sessions of at most 100 combinations of TLS options, for `undici`.
 * - A door relays at most `maxConnections`, 100 by default.
 *
 * ```ts
 * import { dialer, socks5 } from 'rxjs-io-stream';
 *
 * const through = dialer({ plugin: { proxy: socks5('socks5://127.0.0.1:1080') } });
 * const socket = through.connect(7, 'echo.test').on('error', console.error);
 * socket.end('hello').pipe(process.stdout);
 * ```
 *
 * @param options defaults are those of `IOStream`.
 * @returns the dialer.
 * @throws TypeError for wrong options.
 * @see docs/guides/libraries.md for a line of code for each library, {@link agent} for `http` and `https`, {@link toDuplex}
 */
export function dialer(options: DialerOptions = {}): Dialer {
  const { tls, ...rest } = ownOptions(options, 'dialer', NAMES);
  const { plugin = {}, ...others } = checkOptionsWithoutEndpoint(rest) as IOStreamOptions;
  const stream = defined(others);
  if (tls !== undefined) tlsClient(tls); // Throws for wrong options.
  const hasTls = pluginEntries(plugin).some(([, each]) => isTls(each));
  return {
    connect(...args) {
      const { request, callback } = readDialArguments(args);
      const duplex = dialDuplex(request, stream, plugin);
      if (callback) duplex.once(usableEvent(duplex), callback);
      return duplex as unknown as DialerSocket;
    },
    socket() {
      const { timeouts, scheduler } = stream;
      const late = new LateDial(stream, plugin);
      const io = new IOStream({ wire: late.wire, timeouts, scheduler });
      return (hasTls ? new SecureDuplex(io, late) : new IOStreamDuplex(io, late)) as unknown as DialerSocket;
    },
    undici: undiciConnector(stream, plugin, defined(tls ?? {})),
    async door(target, door) {
      return openDoor({ ...stream, ...targetOf(requestOf(target), stream), plugin }, door);
    },
  };
}
