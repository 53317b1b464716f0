import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { BehaviorSubject, config, defer, Observable, Subject, Subscription, type ObservableInput, type SchedulerLike } from 'rxjs';
import { after } from '../wire/timer.ts';
import type { Keeper } from './core.ts';
import { coreOf, type IOStream } from './io-stream.ts';
import { reportUnhandled } from './notifier.ts';

/** What one accepted connection is for: when the Observable completes, it is closed. */
export type Handler<S = IOStream> = (io: S) => ObservableInput<unknown>;

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
  /** What handlers still do whose streams have ended. */
  readonly #outlasting = new Set<Subscription>();
  #stopped = false;
  readonly #keeper: Keeper = {
    unhandled: (error, { wasConnected }) => this.#tell(error, wasConnected),
    inherited: (heir, { io }) => {
      this.#follow(heir as S);
      this.#leave(io as S);
      if (this.#stopped) heir.close();
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
    net.on('error', (error) => this.#tell(error));
  }

  /** Each connection once its stack is connected. Hot; completes when the server stops. */
  get connections$(): Observable<S> {
    return this.#connections as Observable<unknown> as Observable<S>;
  }

  /**
   * What went wrong with single connections: a handshake that failed, a handler that threw or errored, an error of an accepted
   * stream that nobody heard. None of them hurts the listener, and none the process: errors that come while nobody subscribes
   * go to RxJS's `config.onUnhandledError` if you have set it (but for failed handshakes, which any stranger can cause), else
   * to nobody. Hot; completes when the server stops.
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
  drain({ deadline }: DrainOptions): Observable<DrainReport> {
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
  }

  /** @internal Stops listening and closes all. */
  stop(): void {
    this.#stopped = true;
    this.#net.close();
    for (const handling of this.#outlasting) handling.unsubscribe();
    for (const io of this.#open) io.close();
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
      this.#tell(error);
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
    core.keeper = this.#keeper;
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
    if (!handler && !this.#connections.observed) io.close(); // nobody will ever look at it
    this.#connections.next(io);
    const core = coreOf(io);
    if (!handler || !core.tells) return;
    const handling = new Subscription();
    // Closed by us: the handler is stopped before its Observables say so. Failed, or ended by both sides: one that is told by
    // what it reads is not cut off in what it still has to do with it, nor one that has read all it wanted when nothing failed;
    // any other would never know.
    core.closing$.subscribe((end) => {
      const goesOn = 'error' in end ? core.reads.wasReadAtClose : core.reads.wasRead;
      if (core.state === 'closing' || this.#stopped || !goesOn) handling.unsubscribe();
      else this.#keep(handling);
    });
    handling.add(
      defer(() => handler(io as never)).subscribe({
        error: (error: unknown) => {
          io.reset();
          this.#tell(error);
        },
        complete: () => io.close(),
      }),
    );
  }

  /** Until it is through, or the server stops. */
  #keep(handling: Subscription): void {
    if (handling.closed) return;
    this.#outlasting.add(handling);
    handling.add(() => this.#outlasting.delete(handling));
  }

  #tell(error: unknown, serious = true): void {
    if (this.#errors.observed) this.#errors.next(error);
    else if (serious && config.onUnhandledError) reportUnhandled(error);
  }
}
