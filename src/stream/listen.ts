/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { createServer, Server as NetServer, type ListenOptions as NetListenOptions, type Socket } from 'node:net';
import { isObservable, noop, Observable } from 'rxjs';
import { Admission } from '../layers/admission.ts';
import { describeValue } from '../util/describe.ts';
import { definedOptions, ownOptions } from '../util/own-options.ts';
import { steadyScheduler } from '../util/real-time.ts';
import { reset } from '../wire/discard.ts';
import { checkUnixPath } from '../wire/unix-path.ts';
import { abortError } from './abort.ts';
import { ACCEPTED_DEFAULTS } from './accepted-defaults.ts';
import { acceptedOptions } from './accepted-options.ts';
import { toBindError } from './bind-error.ts';
import { checkListenOptions, listenUsage, type BindOptions } from './check-listen-options.ts';
import { inheritedFd } from './inherited-fd.ts';
import { inheritedPath } from './inherited-path.ts';
import { IOStream, type IOStreamOptions, type StreamOf } from './io-stream.ts';
import type { ListenOptions } from './listen-options.ts';
import { drainOnAbort } from './drain-on-abort.ts';
import { DEFAULTS } from './options.ts';
import type { Handler } from './run-handler.ts';
import { Server } from './server.ts';
import { publishListening } from './server-diagnostics.ts';
import type { OptionsOf } from './stream-of.ts';
import { TransferredSockets } from './transferred-sockets.ts';

/**
 * Listens for connections: each subscription binds, emits a `Server`, and serves until it is unsubscribed.
 *
 * ```text
 *   subscribe ── bind ──▶ Server ── connections$ ──▶ io, io, io …   each ── handler(io) completes ──▶ io.close()
 *                    └─ fails ──▶ error             └─ handler errors ──▶ io.reset(), server.errors$
 *   unsubscribe ──▶ stops listening, closes all
 * ```
 *
 * The handler is called for each connection when its stack is connected.
 *
 * **Errors**
 * - A failed bind errors the Observable with an `IOStreamError` (EADDRINUSE, EACCES, …).
 * - `server.errors$` emits refusals of `admit`, failed handshakes, errors of handlers, and unhandled errors of accepted streams. None of
 *   them stops the listener or another connection. Without a subscriber see {@link Server.errors$}.
 * - If a handler itself subscribes without an error callback, RxJS reports errors as uncaught, such as a client's reset. Return the
 *   Observable instead: `(io) => io.data$.pipe(…)`.
 *
 * **Closing**
 * - A handler is unsubscribed when we close or reset its stream, and when the stream ends while the handler neither reads nor sends.
 * - A handler that reads or sends receives the end there, and continues to run.
 * - Without `allowHalfOpen`, a connection ends after the client's FIN, once all bytes are sent and nothing reads or sends.
 * - `signal` stops listening. The Observable completes when the last connection has ended.
 * - Unsubscribing unsubscribes all handlers and closes all connections silently, after the current synchronous turn.
 *
 * @param options the address to listen on, and the options of the accepted streams.
 * @param handler called with each connected stream. Without one, subscribe to `connections$` in the tick in which the server is
 *   emitted.
 * @returns a cold Observable of the server.
 * @throws TypeError for wrong options, at the call.
 * @see {@link Server}, {@link distribute}
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
  const { bind, admit, stream } = checkListenOptions(options);
  if (handler !== undefined && typeof handler !== 'function') throw listenUsage('the handler to be a function', describeValue(handler));
  const { outBufLimit = ACCEPTED_DEFAULTS.outBufLimit, allowHalfOpen = ACCEPTED_DEFAULTS.allowHalfOpen } = stream;
  const { scheduler = DEFAULTS.scheduler, noDelay = true, keepAlive = false } = stream;
  const optionsOf = acceptedOptions(ownOptions({ ...stream, outBufLimit, allowHalfOpen }, 'listen'));
  const accept = (socket: Socket): IOStream => new IOStream(optionsOf(socket) as IOStreamOptions);
  const refuse = (socket: Socket): void => {
    socket.on('error', noop);
    reset(socket);
  };

  const takeFd = inheritedFd(bind);
  return new Observable((out) => {
    const { from, signal } = bind;
    if (signal?.aborted) {
      out.error(abortError(signal));
      return undefined;
    }
    const net = from ? new TransferredSockets(from, { noDelay, keepAlive }) : createServer({ allowHalfOpen: true, noDelay, keepAlive });
    let server: Server | undefined;
    const fd = takeFd();
    const onError = (cause: NodeJS.ErrnoException): void => toBindError(cause, { ...bind, fd }, (error) => out.error(error));
    net.once('error', onError);
    if (bind.path !== undefined) checkUnixPath(bind.path, 'listen');
    if (bind.maxConnections !== undefined && net instanceof NetServer) net.maxConnections = bind.maxConnections;
    const onListening = (): void => {
      net.off('error', onError);
      if (out.closed) {
        net.close();
        return;
      }
      const admission = admit && new Admission(isObservable(admit) ? undefined : admit);
      const address = net.address() ?? (fd === undefined ? '' : inheritedPath(fd));
      const shared = { scheduler: steadyScheduler(scheduler), handler: handler as Handler | undefined, caller: 'listen' };
      server = new Server(net, { ...shared, address, admission, accept, refuse });
      publishListening(server);
      out.next(server);
      if (isObservable(admit)) out.add(server.followRules(admit));
    };
    // Node takes the backlog of a descriptor from this argument only.
    if (net instanceof TransferredSockets) net.listen(onListening);
    else if (fd === undefined) net.listen(netOptions(bind), onListening);
    else net.listen({ fd }, bind.backlog, onListening);
    if (signal) drainOnAbort(signal, out, () => server);
    return () => {
      if (server) server.stop();
      else net.close();
    };
  });
}

function netOptions({
  maxConnections: _max,
  signal: _signal,
  fd: _fd,
  activation: _activation,
  ...options
}: BindOptions): NetListenOptions {
  return definedOptions(options, 'listen');
}
