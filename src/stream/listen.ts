/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { existsSync, lstatSync } from 'node:fs';
import { connect as dial, createServer, type ListenOptions as NetListenOptions, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Observable } from 'rxjs';
import { EDNS, IOStreamError } from '../errors.ts';
import { ownOptions } from '../wire/own-options.ts';
import type { Rule } from '../wire/rules.ts';
import { checkUnixPath, isAbstract, UNIX_PATH } from '../wire/unix-path.ts';
import { unknownOption } from '../wire/unknown-option.ts';
import { inWords } from './bytes.ts';
import { IOStream } from './io-stream.ts';
import { checkOptionsWithoutPlace, DEFAULTS, isOwnField, OPTION_NAMES, OWN_FIELDS, type IOStreamOptions } from './options.ts';
import type { Handler } from './run-handler.ts';
import { Server } from './server.ts';
import type { OptionsOf, StreamOf } from './stream-of.ts';

/** Where to listen, and how the accepted streams are made: all options of `IOStream` that do not say where it connects to. */
export interface ListenOptions<S = IOStream> extends Omit<
  IOStreamOptions<S>,
  'fh' | 'host' | 'port' | 'path' | 'wire' | 'lookup' | 'family' | 'localAddress' | 'localPort' | 'outBufLimit' | 'signal'
> {
  /** The address to listen on. @default all addresses, IPv6 and IPv4 */
  readonly host?: string | undefined;
  /** The port to listen on; 0 = any free one. */
  readonly port?: number | undefined;
  /** The UNIX socket or named pipe to listen on; on Linux one that begins with NUL is an abstract socket. Either this or `port`. */
  readonly path?: string | undefined;
  /** How many connections may wait to be accepted. @default 511 */
  readonly backlog?: number | undefined;
  /** More connections than this, 1 or more, are dropped, and counted in `dropped$`. @default no limit */
  readonly maxConnections?: number | undefined;
  /** Do not accept IPv4 on an IPv6 address. @default false */
  readonly ipv6Only?: boolean | undefined;
  /** In a cluster: do not share the handle. @default false */
  readonly exclusive?: boolean | undefined;
  /** Let several processes listen on the port, where the system and Node can. @default false */
  readonly reusePort?: boolean | undefined;
  /** @default 1048576 */
  readonly outBufLimit?: number | undefined;
  /** False: after the client's FIN, when what was written has been sent and nothing reads or sends, end too. @default false, as in Node */
  readonly allowHalfOpen?: boolean | undefined;
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
 * The handler is called for each connection when its stack is connected. A failed bind errors the Observable with an
 * `IOStreamError` (EADDRINUSE, EACCES, …). Never completes by itself.
 *
 * **Errors**
 * - A failed handshake, a handler that throws or errors, an error of an accepted stream that reached no handler: each goes to
 *   `server.errors$`, and stops neither the listener nor another connection. Without a subscriber see {@link Server.errors$}.
 * - An Observable that a handler subscribes itself without an error callback is outside of this: RxJS reports its errors as
 *   uncaught, for example when a client resets. Return it instead: `(io) => io.data$.pipe(…)`.
 *
 * **Closing**
 * - A handler is unsubscribed when we close or reset its stream, and when the stream ends while the handler neither reads nor sends.
 *   One that reads or sends gets the end by that, and is not cut off in what it does about it.
 * - Without `allowHalfOpen`, a connection ends after the client's FIN, when what was written has been sent and nothing reads or sends.
 * - Unsubscribing unsubscribes all handlers and closes all connections, after the current synchronous turn and in silence.
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
  options: OptionsOf<Readonly<O>, ListenOptions<StreamOf<O>>>,
  handler?: Handler<StreamOf<O>>,
): Observable<Server<StreamOf<O>>>;
export function listen<O extends object>(
  options: OptionsOf<O, ListenOptions<StreamOf<O>>>,
  handler?: Handler<StreamOf<O>>,
): Observable<Server<StreamOf<O>>>;
export function listen(options: ListenOptions, handler?: Handler<never>): Observable<unknown> {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null) throw wrong('an object of options', inWords(options));
  const given: ListenOptions = ownOptions(options, 'listen');
  checkNames(given);
  const { host, port, path, backlog, maxConnections, ipv6Only, exclusive, reusePort, ...rest } = given;
  const where = { host, port, path, backlog, maxConnections, ipv6Only, exclusive, reusePort };
  checkWhere(where);
  const stream = checkOptionsWithoutPlace(rest);
  if (handler !== undefined && typeof handler !== 'function') throw wrong('the handler to be a function', inWords(handler));
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

/** Each option of the listener: what it must be. */
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

/** What says where a stream connects to, or when one stream ends, has no meaning for those that are accepted. */
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
    if (value !== undefined && !test(value)) throw wrong(`\`${name}\` to be ${words}`, inWords(value));
  }
}

/** Says what stands in the way, where the system's words do not. */
function bindError(error: NodeJS.ErrnoException, path: string | undefined, tell: (error: IOStreamError) => void): void {
  const told = (message?: string): void => tell(IOStreamError.from(error, { phase: 'connect', message }));
  if (error.syscall === 'getaddrinfo') tell(new IOStreamError(EDNS, { phase: 'resolve', message: error.message, cause: error }));
  else if (path === undefined || isAbstract(path)) told();
  else if (error.code === 'EACCES' && !existsSync(dirname(path))) told(`listen EACCES: there is no directory ${dirname(path)}`);
  else if (error.code === 'EADDRINUSE' && lstatSync(path, { throwIfNoEntry: false })?.isSocket()) probe(path, told);
  else told();
}

/** A socket file that nobody listens on any more is named as such. */
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
