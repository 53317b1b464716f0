import type { AddressInfo } from 'node:net';
import { BehaviorSubject, Observable, Subject, type SchedulerLike, type Subscription } from 'rxjs';
import { Refusal, type Admission, type Admitted } from '../layers/admission.ts';
import type { AdmitRules } from '../layers/admit-rules.ts';
import { after } from '../util/timer.ts';
import { checkDeadline, type DrainOptions, type DrainReport } from './drain.ts';
import { followRules } from './follow-rules.ts';
import type { Supervisor } from './supervisor.ts';
import type { IOStream } from './io-stream.ts';
import { internalsOf } from './stream-fields.ts';
import type { Handler } from './run-handler.ts';
import { ServedStreams } from './served-streams.ts';
import { type Peer, publishAccept, publishDrain, publishDrop, publishServerClosed } from './server-diagnostics.ts';

/** A connection without a stream: a socket, or a request that was not answered yet. */
export type Candidate = Peer;

/** What a server needs of a `net.Server`, or of another listener. */
export interface Listener {
  on(event: 'connection', callback: (candidate: Candidate) => void): unknown;
  on(event: 'drop', callback: (peer?: Peer) => void): unknown;
  on(event: 'error', callback: (error: Error) => void): unknown;
  close(): unknown;
  /** Resolves after `close`, when no connection follows. @default none follows after `close` */
  readonly stopped?: Promise<void> | undefined;
}

/** How a server accepts connections. Methods, so that the type of a connection may be that of its listener. */
export interface Accepting<S extends IOStream> {
  readonly address: AddressInfo | string;
  readonly scheduler: SchedulerLike;
  readonly handler: Handler<S> | undefined;
  readonly admission: Admission | undefined;
  /** Name of the function that listens, for messages. */
  readonly caller: string;
  /** Creates the stream of a connection. */
  accept(candidate: Candidate): S;
  /** Rejects a connection that is not admitted, or whose stream cannot be created. */
  refuse(candidate: Candidate): void;
}

/**
 * Accepts connections. Emitted by `listen` and `natsListen`; stops when that is unsubscribed.
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
  /** The bound address: address and port, a path, or a subject of NATS. */
  readonly address: AddressInfo | string;
  readonly #net: Listener;
  readonly #scheduler: SchedulerLike;
  readonly #accepting: Pick<Accepting<S>, 'accept' | 'refuse'>;
  readonly #served: ServedStreams;
  /** The open streams, and their entries of `admit`. */
  readonly #open = new Map<S, Admitted | undefined>();
  readonly #dropped = new BehaviorSubject(0);
  readonly #admission: Admission | undefined;
  readonly #readerLeft = new Subject<void>();
  #stopped = false;
  /** Number of connections that were accepted. */
  #total = 0;
  /** Number of connections that were reset at the deadline of a `drain`. */
  #cut = 0;
  /** Called by streams that took over a wire; they are served already. */
  readonly #successors: Supervisor = {
    unhandled: (error, wasConnected) => this.#served.report(error, wasConnected),
    thrown: (error) => this.#served.report(error),
    closed: (io, by) => {
      if (by !== 'upgraded') this.#leave(io as S);
    },
    upgraded: (successor, io) => {
      this.#follow(successor as S, this.#successors, this.#open.get(io as S));
      this.#open.set(io as S, undefined); // the successor has its entry
      this.#leave(io as S);
      if (this.#stopped) internalsOf(successor as S).closing.leave();
    },
  };
  /** Called by accepted streams. Observables instead take 1.3 KB of an idle connection, and 4 % more CPU. */
  readonly #accepted: Supervisor = { ...this.#successors, opened: (io) => this.#served.serve(io as S) };

  /** @internal */
  constructor(net: Listener, accepting: Accepting<S>) {
    const { address, scheduler, handler, admission, caller } = accepting;
    this.address = address;
    this.#net = net;
    this.#scheduler = scheduler;
    this.#accepting = accepting;
    this.#served = new ServedStreams(caller, handler as Handler<never> | undefined);
    this.#admission = admission;
    net.on('connection', (candidate) => this.#welcome(candidate));
    net.on('drop', (peer) => this.#countDropped('maxConnections', peer ?? {}));
    net.on('error', (error) => this.#served.report(error));
  }

  /** Emits each connection when its stack is connected. Hot; completes when the server stops. */
  get connections$(): Observable<S> {
    return this.#served.connections as Observable<unknown> as Observable<S>;
  }

  /**
   * Emits the errors of single connections: refusals of `admit` (EBLOCKED), failed handshakes, errors of handlers, and unhandled errors of
   * accepted streams. Also emits invalid rules of an `admit` that is an Observable.
   *
   * None of them stops the listener. Hot; completes when the server stops. Without a subscriber:
   *
   * - Refusals and failed handshakes are ignored, since any client can cause them.
   * - All other errors go to RxJS's `config.onUnhandledError`, if you have set it.
   * - If it is not set, an error that is not an `IOStreamError`, thus a bug, becomes a process warning.
   *
   * If a handler itself subscribes an Observable without an error callback, RxJS reports its errors as uncaught. Return the
   * Observable instead: `(io) => io.data$.pipe(…)`.
   */
  get errors$(): Observable<unknown> {
    return this.#served.errors;
  }

  /** Emits the number of connections dropped over `maxConnections` or by `admit`. Starts with the current number. */
  get dropped$(): Observable<number> {
    return this.#dropped;
  }

  /** The number of connections, including those in their handshakes. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Stops accepting and waits until the connections have ended. At the deadline, resets the remaining ones. Cold. Emits one report
   * and completes.
   *
   * @param options `deadline` in milliseconds.
   * @throws TypeError for a wrong deadline.
   */
  readonly drain = (options: DrainOptions): Observable<DrainReport> => {
    const deadline = checkDeadline(options);
    return new Observable((out) => {
      this.#net.close();
      const { stopped } = this.#net;
      const before = { ended: this.#total - this.#open.size, cut: this.#cut };
      let isStopped = !stopped;
      const look = (): void => {
        if (this.#open.size > 0 || !isStopped) return;
        const cut = this.#cut - before.cut;
        const report = { finished: this.#total - before.ended - cut, cut };
        publishDrain(this, report);
        out.next(report);
        out.complete();
      };
      void stopped?.then(() => {
        isStopped = true;
        if (!out.closed) look();
      });
      out.add(this.#readerLeft.subscribe(look));
      out.add(
        after(deadline, this.#scheduler, () => {
          this.#cut += this.#open.size;
          for (const io of this.#open.keys()) io.reset();
        }),
      );
      look();
    });
  };

  /** @internal Follows the rules of `admit`. Called when the server has been emitted, so that `errors$` has its subscribers. */
  followRules(rules$: Observable<AdmitRules>): Subscription | undefined {
    return this.#admission && followRules(this.#admission, rules$, (error) => this.#served.report(error));
  }

  /** @internal Stops listening, unsubscribes all handlers and closes all connections, silently. */
  stop(): void {
    this.#stopped = true;
    this.#net.close();
    this.#served.stop();
    for (const io of this.#open.keys()) internalsOf(io).closing.leave();
    this.#served.connections.complete();
    this.#served.errors.complete();
    this.#dropped.complete();
    publishServerClosed(this);
  }

  #welcome(candidate: Candidate): void {
    const entry = this.#admission && this.#enter(this.#admission, candidate);
    if (entry instanceof Refusal) return;
    let io: S;
    try {
      io = this.#accepting.accept(candidate);
    } catch (error) {
      entry?.leave();
      this.#accepting.refuse(candidate);
      this.#served.report(error);
      return;
    }
    this.#total += 1;
    this.#follow(io, this.#accepted, entry);
    publishAccept(this, internalsOf(io), candidate);
    if (this.#stopped) io.close(); // Stopped by a callback that ran while the stream was created.
  }

  /** Judges a connection. Rejects it if the rules refuse it. */
  #enter(admission: Admission, candidate: Candidate): Refusal | Admitted {
    const address = typeof this.address === 'string' ? undefined : (candidate.remoteAddress ?? '');
    const entry = admission.enter(address, this.#scheduler.now());
    if (!(entry instanceof Refusal)) return entry;
    const { errors } = this.#served;
    if (errors.observed) errors.next(entry.toError({ address, port: candidate.remotePort }));
    this.#countDropped(entry.rule, candidate);
    this.#accepting.refuse(candidate);
    return entry;
  }

  #countDropped(rule: string, peer: Peer): void {
    const count = this.#dropped.value + 1;
    publishDrop(this, rule, count, peer);
    this.#dropped.next(count);
  }

  /** Counts a stream, and its entry, until it is closed. */
  #follow(io: S, supervisor: Supervisor, entry: Admitted | undefined): void {
    const { lifetime, errors } = internalsOf(io);
    errors.supervisor = supervisor;
    if (lifetime.state === 'closed') entry?.leave();
    else this.#open.set(io, entry);
  }

  #leave(io: S): void {
    this.#open.get(io)?.leave();
    this.#open.delete(io);
    if (this.#readerLeft.observed) this.#readerLeft.next();
  }
}
