import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { BehaviorSubject, config, Observable, Subject, type SchedulerLike, type Subscription } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { ownOptions } from '../wire/own-options.ts';
import { reportUnhandled } from '../wire/tick.ts';
import { after } from '../wire/timer.ts';
import type { Supervisor } from './core.ts';
import { coreOf, type IOStream } from './io-stream.ts';
import { runHandler, type Handler } from './run-handler.ts';

/** How a drain went. */
export interface DrainReport {
  /** Connections that ended by themselves. */
  readonly finished: number;
  /** Connections that were reset at the deadline. */
  readonly cut: number;
}

/** How {@link Server.drain} is done. */
export interface DrainOptions {
  /** Milliseconds until what is still there is reset; Infinity waits for ever. */
  readonly deadline: number;
}

/**
 * A server that listens. Made by `listen`; lives as long as its subscription.
 *
 * ```ts
 * import { listen } from 'rxjs-io-stream';
 *
 * const serving = listen({ host: '127.0.0.1', port: 0 }, (io) => io.send(io)).subscribe((server) => {
 *   console.log(server.address);
 *   server.errors$.subscribe((error) => console.error(error));
 * });
 * serving.unsubscribe(); // stops listening and closes all
 * ```
 */
export class Server<S extends IOStream = IOStream> {
  /** Where it listens: address and port, or a path. */
  readonly address: AddressInfo | string;
  readonly #net: NetServer;
  readonly #scheduler: SchedulerLike;
  readonly #accept: (socket: Socket) => S;
  // `never` and `unknown`: so a server of streams with own fields is a `Server`, too.
  readonly #handler: Handler<never> | undefined;
  readonly #open = new Set<S>();
  readonly #connections = new Subject<unknown>();
  readonly #errors = new Subject<unknown>();
  readonly #dropped = new BehaviorSubject(0);
  readonly #left = new Subject<void>();
  /** Handlers that run; some outlive their streams. */
  readonly #handlers = new Set<Subscription>();
  #stopped = false;
  readonly #supervisor: Supervisor = {
    unhandled: (error, { wasConnected }) => this.#report(error, wasConnected),
    thrown: (error) => this.#report(error),
    upgraded: (successor, { io }) => {
      this.#follow(successor as S);
      this.#leave(io as S);
      if (this.#stopped) coreOf(successor).leave();
    },
  };

  /** @internal */
  constructor(net: NetServer, scheduler: SchedulerLike, accept: (socket: Socket) => S, handler: Handler<S> | undefined) {
    this.address = net.address() ?? '';
    this.#net = net;
    this.#scheduler = scheduler;
    this.#accept = accept;
    this.#handler = handler;
    net.on('connection', (socket) => this.#welcome(socket));
    net.on('drop', () => this.#dropped.next(this.#dropped.value + 1));
    net.on('error', (error) => this.#report(error));
  }

  /** Each connection once its stack is connected. Hot; completes when the server stops. */
  get connections$(): Observable<S> {
    return this.#connections as Observable<unknown> as Observable<S>;
  }

  /**
   * Emits what went wrong with single connections: a handshake that failed, a handler that threw or errored, an error of an
   * accepted stream that reached no handler. None of them stops the listener. Without a subscriber they go to RxJS's
   * `config.onUnhandledError` if you have set it, except failed handshakes, which any client can cause; otherwise a bug (anything but
   * an `IOStreamError`) becomes a warning of the process. Hot; completes when the server stops.
   *
   * An Observable that a handler subscribes itself, without an error callback, is outside of this: RxJS reports its errors as
   * uncaught. Return it instead: `(io) => io.data$.pipe(…)`.
   */
  get errors$(): Observable<unknown> {
    return this.#errors;
  }

  /** How many connections were refused over `maxConnections`. Starts with the present number. */
  get dropped$(): Observable<number> {
    return this.#dropped;
  }

  /** How many connections there are now, those in their handshakes included. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Stops accepting, waits until the connections have ended, and resets at the deadline those that have not. Cold. Emits one
   * report and completes.
   */
  readonly drain = (options: DrainOptions): Observable<DrainReport> => {
    const { deadline } = ownOptions(options, 'drain', ['deadline']);
    if (!(typeof deadline === 'number' && deadline >= 0))
      throw new TypeError(`expected \`deadline\` to be milliseconds, 0 or more, got ${String(deadline)}`);
    return new Observable((out) => {
      this.#net.close();
      const total = this.#open.size;
      let cut = 0;
      const look = (): void => {
        if (this.#open.size > 0) return;
        out.next({ finished: total - cut, cut });
        out.complete();
      };
      out.add(this.#left.subscribe(look));
      out.add(
        after(deadline, this.#scheduler, () => {
          cut = this.#open.size;
          for (const io of this.#open) io.reset();
        }),
      );
      look();
    });
  };

  /** @internal Stops listening, unsubscribes all handlers and closes all connections, silently. */
  stop(): void {
    this.#stopped = true;
    this.#net.close();
    for (const handler of this.#handlers) handler.unsubscribe();
    for (const io of this.#open) coreOf(io).leave();
    this.#connections.complete();
    this.#errors.complete();
    this.#dropped.complete();
  }

  #welcome(socket: Socket): void {
    let io: S;
    try {
      io = this.#accept(socket);
    } catch (error) {
      socket.destroy();
      this.#report(error);
      return;
    }
    this.#follow(io);
    coreOf(io).opened$.subscribe(() => this.#serve(io));
    if (this.#stopped) io.close(); // by what was called while the stream was made
  }

  /** Counts a stream as long as it lives. */
  #follow(io: S): void {
    const core = coreOf(io);
    this.#open.add(io);
    core.supervisor = this.#supervisor;
    core.closed$.subscribe(({ by }) => {
      if (by !== 'upgraded') this.#leave(io);
    });
  }

  #leave(io: S): void {
    this.#open.delete(io);
    this.#left.next();
  }

  #serve(io: S): void {
    const handler = this.#handler;
    if (!handler && !this.#connections.observed) io.close(); // nothing will ever read it
    this.#connections.next(io);
    if (!handler || !coreOf(io).tells) return;
    const running = runHandler(io as never, handler, {
      error: (error) => this.#report(error),
      // Reset with a cause, as a relay does with the error of its other stream. A failure reaches the supervisor.
      stopped: (end) => {
        if ('error' in end && coreOf(io).state === 'closing') this.#report(end.error);
      },
    });
    this.#handlers.add(running);
    running.add(() => this.#handlers.delete(running));
  }

  #report(error: unknown, isSerious = true): void {
    if (this.#errors.observed) this.#errors.next(error);
    else if (!isSerious) return;
    else if (config.onUnhandledError) reportUnhandled(error);
    else if (!(error instanceof IOStreamError)) process.emitWarning(asError(error));
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`a handler of listen threw ${String(thrown)}`);
}
