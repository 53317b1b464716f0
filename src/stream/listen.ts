import { connect as dial, createServer, type ListenOptions as NetListenOptions, type Socket } from 'node:net';
import { Observable } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { IOStream, type OwnFields } from './io-stream.ts';
import { checkOptions, DEFAULTS, usage, type IOStreamOptions } from './options.ts';
import { Server, type Handler } from './server.ts';

/** Where to listen, and how the accepted streams are made: all options of `IOStream` that do not say where it connects to. */
export interface ListenOptions<S = IOStream> extends Omit<
  IOStreamOptions<S>,
  'fh' | 'host' | 'port' | 'path' | 'wire' | 'lookup' | 'family' | 'localAddress' | 'outBufLimit' | 'signal'
> {
  /** The address to listen on. @default all addresses, IPv6 and IPv4 */
  readonly host?: string | undefined;
  /** The port to listen on; 0 = any free one. */
  readonly port?: number | undefined;
  /** The UNIX socket or named pipe to listen on. Either this or `port`. */
  readonly path?: string | undefined;
  /** How many connections may wait to be accepted. @default 511 */
  readonly backlog?: number | undefined;
  /** More connections than this are dropped, and counted in `dropped$`. @default no limit */
  readonly maxConnections?: number | undefined;
  /** Do not accept IPv4 on an IPv6 address. @default false */
  readonly ipv6Only?: boolean | undefined;
  /** In a cluster: do not share the handle. @default false */
  readonly exclusive?: boolean | undefined;
  /** Let several processes listen on the port, where the system and Node can. @default false */
  readonly reusePort?: boolean | undefined;
  /** @default 1048576 */
  readonly outBufLimit?: number | undefined;
}

/** What a server accepts unless told otherwise: a thousand slow clients hold 1 GiB at the most. */
const OUT_BUF_LIMIT = 1024 * 1024;

/**
 * Listens: each subscription binds, emits a `Server`, and serves until it is unsubscribed.
 *
 * ```text
 *   subscribe ── bind ──▶ Server ── connections$ ──▶ io, io, io …   each ── handler(io) completes ──▶ io.close()
 *                    └─ fails ──▶ error             └─ handler errors ──▶ io.reset(), server.errors$
 *   unsubscribe ──▶ stops listening, closes all
 * ```
 *
 * The handler is called per connection when its stack is connected. A failed handshake, a handler that throws or errors, an
 * error of an accepted stream that nobody hears: each goes to `server.errors$`, never to the process, never to the listener.
 * A failed bind errors the Observable with an `IOStreamError` (EADDRINUSE, EACCES, …). Never completes by itself.
 *
 * @param options where to listen, and the options of the accepted streams.
 * @param handler what a connection is for; without one, subscribe to `connections$` in the same tick as the server comes.
 * @throws TypeError for wrong options, at the call.
 *
 * ```ts
 * import { listen } from 'rxjs-io-stream';
 *
 * listen({ host: '127.0.0.1', port: 7000 }, (io) => io.send(io)).subscribe({ error: console.error });
 * ```
 */
export function listen<O extends object>(
  options: O & ListenOptions<IOStream<OwnFields<O>>>,
  handler?: Handler<IOStream<OwnFields<O>>>,
): Observable<Server<IOStream<OwnFields<O>>>> {
  const { host, port, path, backlog, maxConnections, ipv6Only, exclusive, reusePort, ...stream } = options;
  const where = { host, port, path, backlog, maxConnections, ipv6Only, exclusive, reusePort };
  checkWhere(where);
  checkOptions({ ...stream, wire: () => () => undefined });
  if (handler !== undefined && typeof handler !== 'function') throw usage('the handler of listen to be a function', typeof handler);
  const { noDelay = true, keepAlive = false } = stream as IOStreamOptions;
  const accept = (socket: Socket): IOStream<OwnFields<O>> =>
    new IOStream({ outBufLimit: OUT_BUF_LIMIT, ...stream, fh: socket } as unknown as O & IOStreamOptions<IOStream<OwnFields<O>>>);

  return new Observable((out) => {
    const net = createServer({ allowHalfOpen: true, noDelay, keepAlive });
    let server: Server<IOStream<OwnFields<O>>> | undefined;
    const onError = (error: NodeJS.ErrnoException): void => bindError(error, path, (told) => out.error(told));
    net.once('error', onError);
    if (maxConnections !== undefined) net.maxConnections = maxConnections;
    net.listen(given(where), () => {
      net.off('error', onError);
      if (out.closed) return;
      server = new Server(net, stream.scheduler ?? DEFAULTS.scheduler, accept, handler);
      out.next(server);
    });
    return () => {
      if (server) server.stop();
      else net.close(() => undefined);
    };
  });
}

type Where = Pick<ListenOptions, 'host' | 'port' | 'path' | 'backlog' | 'maxConnections' | 'ipv6Only' | 'exclusive' | 'reusePort'>;

function given(where: Where): NetListenOptions {
  return Object.fromEntries(Object.entries(where).filter(([name, value]) => value !== undefined && name !== 'maxConnections'));
}

function checkWhere({ host, port, path, backlog, maxConnections }: Where): void {
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  if ((port === undefined) === (path === undefined))
    throw usage('either `port` or `path` to listen on', port === undefined ? 'neither' : 'both');
  if (port !== undefined && !(isCount(port) && port <= 65535)) throw usage('`port` to be an integer from 0 to 65535', String(port));
  if (path !== undefined && (typeof path !== 'string' || path === '' || path.includes('\0')))
    throw usage('`path` to be a path without NUL', String(path));
  if (host !== undefined && (typeof host !== 'string' || host === '')) throw usage('`host` to be an address to listen on', String(host));
  if (backlog !== undefined && !isCount(backlog)) throw usage('`backlog` to be a number of connections', String(backlog));
  if (maxConnections !== undefined && !isCount(maxConnections))
    throw usage('`maxConnections` to be a number of connections', String(maxConnections));
}

/** Says what stands in the way; a socket file that nobody listens on any more is named as such. */
function bindError(error: NodeJS.ErrnoException, path: string | undefined, tell: (error: IOStreamError) => void): void {
  const told = (message?: string): void => tell(IOStreamError.from(error, { phase: 'connect', message }));
  if (error.code !== 'EADDRINUSE' || path === undefined) {
    told();
    return;
  }
  const probe = dial({ path });
  probe.on('connect', () => {
    probe.destroy();
    told();
  });
  probe.on('error', (answer: NodeJS.ErrnoException) => {
    if (answer.code === 'ECONNREFUSED')
      told(`listen EADDRINUSE: ${path} is a stale socket file: nobody listens on it any more; remove it and listen again`);
    else told();
  });
}
