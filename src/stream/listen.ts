/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { existsSync, lstatSync } from 'node:fs';
import { connect as dial, createServer, type ListenOptions as NetListenOptions, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Observable } from 'rxjs';
import { EDNS, IOStreamError } from '../errors.ts';
import { ownOptions } from '../util/own-options.ts';
import type { Rule } from '../util/check-options.ts';
import { checkUnixPath, isAbstract, UNIX_PATH } from '../wire/unix-path.ts';
import { unknownOption } from '../util/unknown-option.ts';
import { describeValue } from '../util/describe.ts';
import { IOStream } from './io-stream.ts';
import { checkOptionsWithoutPlace, DEFAULTS, isOwnField, OPTION_NAMES, OWN_FIELDS, type IOStreamOptions } from './options.ts';
import type { Handler } from './run-handler.ts';
import { Server } from './server.ts';
import type { OptionsOf, StreamOf } from './stream-of.ts';

/** The address to listen on, and the options of the accepted streams: those of `IOStream`, except for its endpoint. */
export interface ListenOptions<S = IOStream> extends Omit<
  IOStreamOptions<S>,
  'fh' | 'host' | 'port' | 'path' | 'wire' | 'lookup' | 'family' | 'localAddress' | 'localPort' | 'outBufLimit' | 'signal'
> {
  /** The address to listen on. @default all addresses, IPv6 and IPv4 */
  readonly host?: string | undefined;
  /** The port to listen on; 0 = any free one. */
  readonly port?: number | undefined;
  /** The UNIX socket or named pipe to listen on. On Linux, a path that starts with NUL is an abstract socket. Excludes `port`. */
  readonly path?: string | undefined;
  /** Maximum number of connections that wait to be accepted. @default 511 */
  readonly backlog?: number | undefined;
  /** Maximum number of connections, at least 1. Further ones are dropped, and counted in `dropped$`. @default no limit */
  readonly maxConnections?: number | undefined;
  /** Do not accept IPv4 on an IPv6 address. @default false */
  readonly ipv6Only?: boolean | undefined;
  /** In a cluster: do not share the handle. @default false */
  readonly exclusive?: boolean | undefined;
  /** Allow several processes to listen on the port, where the system and Node support it. @default false */
  readonly reusePort?: boolean | undefined;
  /** As for `IOStream`. @default 1048576 */
  readonly outBufLimit?: number | undefined;
  /**
   * If false, ends our direction after the client's FIN, once all accepted bytes are sent and nothing reads or sends.
   *
   * @default false, as in Node
   */
  readonly allowHalfOpen?: boolean | undefined;
}

/** Default of `outBufLimit` for accepted streams: limits a thousand slow clients to 1 GiB. */
const OUT_BUF_LIMIT = 1024 * 1024;

/**
 * Listens for connections: each subscription binds, emits a `Server`, and serves until it is unsubscribed.
 *
 * ```text
 *   subscribe ── bind ──▶ Server ── connections$ ──▶ io, io, io …   each ── handler(io) completes ──▶ io.close()
 *                    └─ fails ──▶ error             └─ handler errors ──▶ io.reset(), server.errors$
 *   unsubscribe ──▶ stops listening, closes all
 * ```
 *
 * The handler is called for each connection when its stack is connected. Never completes by itself.
 *
 * **Errors**
 * - A failed bind errors the Observable with an `IOStreamError` (EADDRINUSE, EACCES, …).
 * - `server.errors$` emits failed handshakes, errors of handlers, and unhandled errors of accepted streams. None of them stops the
 *   listener or another connection. Without a subscriber see {@link Server.errors$}.
 * - If a handler itself subscribes an Observable without an error callback, RxJS reports its errors as uncaught, such as a client's
 *   reset. Return the Observable instead: `(io) => io.data$.pipe(…)`.
 *
 * **Closing**
 * - A handler is unsubscribed when we close or reset its stream, and when the stream ends while the handler neither reads nor sends.
 * - A handler that reads or sends receives the end there, and continues to run.
 * - Without `allowHalfOpen`, a connection ends after the client's FIN, once all bytes are sent and nothing reads or sends.
 * - Unsubscribing unsubscribes all handlers and closes all connections silently, after the current synchronous turn.
 *
 * @param options the address to listen on, and the options of the accepted streams.
 * @param handler called with each connected stream. Without one, subscribe to `connections$` in the tick in which the server is
 *   emitted.
 * @returns a cold Observable of the server.
 * @throws TypeError for wrong options, at the call.
 * @see {@link Server}
 *
 * ```ts
 * import { listen } from 'rxjs-io-stream';
 *
 * listen({ host: '127.0.0.1', port: 7000 }, (io) => io.send(io)).subscribe({ error: console.error });
 * ```
 */
export function listen<O extends object>(
  options: OptionsOf<Readonly<O>, ListenOptions<StreamOf<O>>>,
  handler?: Handler<StreamOf<O>>,
): Observable<Server<StreamOf<O>>>;
export function listen<O extends object>(
  options: OptionsOf<O, ListenOptions<StreamOf<O>>>,
  handler?: Handler<StreamOf<O>>,
): Observable<Server<StreamOf<O>>>;
export function listen(options: ListenOptions, handler?: Handler<never>): Observable<unknown> {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null)
    throw wrong('an object of options', describeValue(options));
  const given: ListenOptions = ownOptions(options, 'listen');
  checkNames(given);
  const { host, port, path, backlog, maxConnections, ipv6Only, exclusive, reusePort, ...rest } = given;
  const where = { host, port, path, backlog, maxConnections, ipv6Only, exclusive, reusePort };
  checkWhere(where);
  const stream = checkOptionsWithoutPlace(rest);
  if (handler !== undefined && typeof handler !== 'function') throw wrong('the handler to be a function', describeValue(handler));
  const { outBufLimit = OUT_BUF_LIMIT, allowHalfOpen = false, scheduler = DEFAULTS.scheduler } = stream;
  const { noDelay = true, keepAlive = false } = stream;
  const accept = (socket: Socket): IOStream => new IOStream({ ...stream, outBufLimit, allowHalfOpen, fh: socket });

  return new Observable((out) => {
    const net = createServer({ allowHalfOpen: true, noDelay, keepAlive });
    let server: Server | undefined;
    const onError = (error: NodeJS.ErrnoException): void => bindError(error, path, (told) => out.error(told));
    net.once('error', onError);
    if (path !== undefined) checkUnixPath(path, 'listen');
    if (maxConnections !== undefined) net.maxConnections = maxConnections;
    net.listen(bindOptions(where), () => {
      net.off('error', onError);
      if (out.closed) {
        net.close();
        return;
      }
      server = new Server(net, scheduler, accept, handler as Handler | undefined);
      out.next(server);
    });
    return () => {
      if (server) server.stop();
      else net.close(() => undefined);
    };
  });
}

type Where = Pick<ListenOptions, 'host' | 'port' | 'path' | 'backlog' | 'maxConnections' | 'ipv6Only' | 'exclusive' | 'reusePort'>;

function bindOptions({ maxConnections: _, ...where }: Where): NetListenOptions {
  return ownOptions(Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined)), 'listen');
}

function wrong(expected: string, got: string): TypeError {
  return new TypeError(`usage: listen({ port | path, host?, … }, handler?): expected ${expected}, got ${got}`);
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '' && !value.includes('\0');
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

/** The rule of each option of the listener. */
const WHERE: Readonly<Record<keyof Where, Rule>> = {
  host: ['an address to listen on', isText],
  port: ['an integer from 0 to 65535', (value) => isCount(value) && (value as number) <= 65535],
  path: UNIX_PATH,
  backlog: ['a number of connections', isCount],
  maxConnections: ['a number of connections, 1 or more', (value) => isCount(value) && value !== 0],
  ipv6Only: ['a boolean', isBoolean],
  exclusive: ['a boolean', isBoolean],
  reusePort: ['a boolean', isBoolean],
};

/** Options of a single outbound connection; rejected for accepted streams. */
const OF_ONE: readonly string[] = ['fh', 'wire', 'lookup', 'family', 'localAddress', 'localPort', 'signal'];

function checkNames(given: object): void {
  const known = [...Object.keys(WHERE), ...OPTION_NAMES.filter((name) => !OF_ONE.includes(name) && !Object.hasOwn(WHERE, name))];
  for (const name of Object.keys(given)) {
    if (OF_ONE.includes(name) && (given as Record<string, unknown>)[name] !== undefined)
      throw wrong('no option of one connection', `\`${name}\``);
    if (!isOwnField(name) && !known.includes(name) && !OF_ONE.includes(name)) throw unknownOption(name, 'listen', known, OWN_FIELDS);
  }
}

function checkWhere(where: Where): void {
  if ((where.port === undefined) === (where.path === undefined))
    throw wrong('either `port` or `path` to listen on', where.port === undefined ? 'neither' : 'both');
  for (const [name, value] of Object.entries(where) as [keyof Where, unknown][]) {
    const [words, test] = WHERE[name];
    if (value !== undefined && !test(value)) throw wrong(`\`${name}\` to be ${words}`, describeValue(value));
  }
}

/** Reports a failed bind. Replaces the system's message if it does not name the cause. */
function bindError(error: NodeJS.ErrnoException, path: string | undefined, tell: (error: IOStreamError) => void): void {
  const told = (message?: string): void => tell(IOStreamError.from(error, { phase: 'connect', message }));
  if (error.syscall === 'getaddrinfo') tell(new IOStreamError(EDNS, { phase: 'resolve', message: error.message, cause: error }));
  else if (path === undefined || isAbstract(path)) told();
  else if (error.code === 'EACCES' && !existsSync(dirname(path))) told(`listen EACCES: there is no directory ${dirname(path)}`);
  else if (error.code === 'EADDRINUSE' && lstatSync(path, { throwIfNoEntry: false })?.isSocket()) probe(path, told);
  else told();
}

/** Detects a stale socket file, on which no process listens. */
function probe(path: string, told: (message?: string) => void): void {
  const socket = dial({ path });
  socket.on('connect', () => {
    socket.destroy();
    told();
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ECONNREFUSED')
      told(`listen EADDRINUSE: ${path} is a stale socket file: nobody listens on it any more; remove it and listen again`);
    else told();
  });
}
