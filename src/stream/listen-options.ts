import type { MessagePort } from 'node:worker_threads';
import type { Observable } from 'rxjs';
import type { AdmitRules } from '../layers/admit-rules.ts';
import type { IOStream, IOStreamOptions } from './io-stream.ts';

/** The address to listen on, and the options of the accepted streams: those of `IOStream`, except for its endpoint. */
export interface ListenOptions<S = IOStream> extends Omit<
  IOStreamOptions<S>,
  'fh' | 'host' | 'port' | 'path' | 'wire' | 'guard' | 'lookup' | 'family' | 'localAddress' | 'localPort' | 'outBufLimit' | 'signal'
> {
  /** The address to listen on. @default all addresses, IPv6 and IPv4 */
  readonly host?: string | undefined;
  /** The port to listen on; 0 = any free one. @default none: one of `port`, `path`, `fd`, `activation` and `from` is required */
  readonly port?: number | undefined;
  /**
   * The UNIX socket or named pipe to listen on. On Linux, a path that starts with NUL is an abstract socket. Excludes `port`. @default none
   */
  readonly path?: string | undefined;
  /**
   * A listening TCP or UNIX socket that the process has inherited, by its descriptor.
   *
   * - The listener owns it, and closes it when it stops. It can be subscribed once: the number may be another file's then.
   * - The file of a UNIX socket is not removed: it belongs to the process that has bound it.
   * - In a worker of a cluster, it is a descriptor of the primary, as in Node.
   * - `backlog` replaces that of the socket.
   * - Not on Windows.
   *
   * @default none
   */
  readonly fd?: number | undefined;
  /**
   * Listens on a socket that systemd has passed (`LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES`): the one of this name
   * (`FileDescriptorName=`), or with true the only one. Otherwise as `fd`.
   *
   * The variables are removed from `process.env` at the first use. Child processes inherit neither them nor the sockets.
   *
   * @default none
   */
  readonly activation?: true | string | undefined;
  /**
   * In a worker thread: serves the connections that {@link distribute} of the main thread transfers, such as `parentPort`. `server.address`
   * is that of the main thread. @default none
   */
  readonly from?: MessagePort | undefined;
  /**
   * Stops listening when it aborts. Open connections continue, and `listen` completes when the last one has ended. If it aborts before
   * the server is emitted, `listen` errors with an `AbortError`. @default none
   */
  readonly signal?: AbortSignal | undefined;
  /** Maximum number of connections that wait to be accepted. @default 511 */
  readonly backlog?: number | undefined;
  /** Maximum number of connections, at least 1. Further ones are dropped, and counted in `dropped$`. @default no limit */
  readonly maxConnections?: number | undefined;
  /**
   * Which connections to admit. Others are reset before a stream is created. `dropped$` counts them, and `errors$` emits EBLOCKED.
   *
   * - Judges the other end of the socket, which may be a proxy. For the client of a proxy see `admit` of `acceptProxyProtocol`.
   * - An Observable may change the rules. Before its first value no connection is admitted. After its end the last value stays.
   * - Open connections stay open when the rules change.
   * - An invalid value and an error are emitted by `errors$`; the last valid rules stay.
   *
   * @default all
   */
  readonly admit?: AdmitRules | Observable<AdmitRules> | undefined;
  /** Do not accept IPv4 on an IPv6 address. @default false */
  readonly ipv6Only?: boolean | undefined;
  /** In a cluster: do not share the handle. @default false */
  readonly exclusive?: boolean | undefined;
  /** Allow several processes to listen on the port, where the system and Node support it. @default false */
  readonly reusePort?: boolean | undefined;
  /** Maximum bytes of pending writes, as for `IOStream`; 0 = no limit. @default 1048576 */
  readonly outBufLimit?: number | undefined;
  /**
   * If false, ends our direction after the client's FIN, once all accepted bytes are sent and nothing reads or sends.
   *
   * @default false, as in Node
   */
  readonly allowHalfOpen?: boolean | undefined;
}
