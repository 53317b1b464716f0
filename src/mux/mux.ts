import { map, Observable } from 'rxjs';
import { IOStream, type StreamOf } from '../stream/io-stream.ts';
import type { Connection } from '../stream/connection.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import type { Handler } from '../stream/run-handler.ts';
import { checkDeadline, type DrainOptions, type DrainReport } from '../stream/drain.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { describeValue } from '../util/describe.ts';
import { OnceEmitter } from '../util/once-emitter.ts';
import { after } from '../util/timer.ts';
import { direct } from '../wire/direct.ts';
import type { LayerDetails, Wire } from '../wire/signal.ts';
import { AcceptedStreams } from './accepted-streams.ts';
import { connectionEnded, withConnection } from './mux-errors.ts';
import { checkMuxOptions, type MuxOptions } from './mux-options.ts';
import { MuxSession, type SessionTarget } from './mux-session.ts';
import { MuxStream } from './mux-stream.ts';
import { StreamOuter } from './stream-outer.ts';

/** The report of a {@link Mux} that has ended. */
export interface MuxReport {
  /** What ended it: our `close` or `drain`, the peer, or an error. */
  readonly by: 'us' | 'peer' | 'error';
  /** With `by: 'error'`, the error. */
  readonly error?: unknown;
  /** Number of streams that we have opened. */
  readonly dialled: number;
  /** Number of streams of the peer that were accepted. */
  readonly accepted: number;
}

/**
 * Carries many streams over one connection. Made by {@link mux}.
 *
 * ```ts
 * import { IOStream, mux } from 'rxjs-io-stream';
 *
 * const link = mux(new IOStream({ host: '127.0.0.1', port: 7000 }), { role: 'client' });
 * new IOStream({ wire: link.wire() }).end('hello');
 * link.closed$.subscribe(({ by, error }) => console.log(by, error));
 * ```
 */
export class Mux<S extends IOStream = IOStream> {
  readonly #io: IOStream;
  readonly #connection: Connection;
  readonly #session: MuxSession;
  readonly #accepted: AcceptedStreams;
  readonly #ended = new OnceEmitter<MuxReport>();
  #report: MuxReport | undefined;

  /** @internal */
  constructor(io: IOStream, options: ReturnType<typeof checkMuxOptions>, handler: Handler<never> | undefined) {
    const connection = internalsOf(io);
    this.#io = io;
    this.#connection = connection;
    this.#accepted = new AcceptedStreams(options.streams, handler);
    const target: SessionTarget = {
      mux: this,
      accept: (stream) => this.#accepted.isWanted && this.#accepted.add((dial) => direct((up) => stream.attach(up, dial))),
      onIdle: () => this.#finish(),
      onFailed: (error) => {
        this.#end({ error });
        if (error.code === 'ETIMEDOUT')
          io.reset(); // Nothing reaches a dead peer.
        else io.close();
      },
      details: (id) => this.#detailsOf(id),
    };
    this.#session = new MuxSession(new StreamOuter(connection), options.session, connection.settings.scheduler, target);
    this.#start();
  }

  #start(): void {
    const { lifetime, writes } = this.#connection;
    const session = this.#session;
    if (lifetime.state === 'open') session.onOpen();
    else lifetime.opened$.subscribe(() => session.onOpen());
    const stopObserving = writes.observe({ onSent: () => session.scheduler.onSent() });
    const onEnd = (end: ReadEnd): void => {
      stopObserving();
      this.#onConnectionEnd(end);
    };
    this.#io.data$.subscribe({
      next: (bytes) => session.receive(bytes),
      error: (error: unknown) => onEnd({ error }),
      complete: () => onEnd({}),
    });
    lifetime.closing$.subscribe(onEnd);
  }

  /**
   * Returns the wire that dials a stream of the mux at each subscription: `new IOStream({ wire: link.wire() })`, with plugins and all
   * other options.
   *
   * - The stream is connected as soon as the connection is open: the peer needs no time for it. One that it refuses fails with
   *   ECONNREFUSED afterwards.
   * - Errors with EMFILE over `maxStreams`, and with ECLOSED, or the error of the connection, after the mux has ended.
   */
  wire(): Wire {
    const session = this.#session;
    return (dial) => direct((up) => new MuxStream(session, true).attach(up, dial));
  }

  /**
   * Emits each stream of the peer when its stack is connected. Hot; completes when the mux accepts no more. Without a subscriber and
   * without a handler, streams of the peer are refused.
   */
  get connections$(): Observable<S> {
    return this.#accepted.connections as Observable<unknown> as Observable<S>;
  }

  /**
   * Emits the errors of single accepted streams: failed handshakes, errors of handlers, and unhandled errors. None of them ends the
   * mux. Hot; completes when the mux has ended. Without a subscriber as `errors$` of a `Server`.
   */
  get errors$(): Observable<unknown> {
    return this.#accepted.errors;
  }

  /** Emits one report when the mux has ended and its connection is freed, then completes. Replayed to late subscribers. */
  get closed$(): Observable<MuxReport> {
    return this.#io.closed$.pipe(map(() => this.#report ?? this.#makeReport({ by: 'us' })));
  }

  /** Number of open streams. */
  get size(): number {
    return this.#session.streams.size;
  }

  /** Sends GoAway, resets all streams, and closes the connection. */
  close(): void {
    this.#session.leave();
    this.#session.resetAll();
  }

  /**
   * Sends GoAway: no more streams are opened or accepted. Waits until the open ones have ended, resets those that remain at the
   * deadline, and closes the connection. Cold. Emits one report and completes.
   *
   * @param options `deadline` in milliseconds; Infinity waits forever.
   * @throws TypeError for a wrong deadline.
   */
  readonly drain = (options: DrainOptions): Observable<DrainReport> => {
    const deadline = checkDeadline(options);
    return new Observable((out) => {
      const total = this.size;
      let cut = 0;
      out.add(
        this.#ended.value$.subscribe(() => {
          out.next({ finished: total - cut, cut });
          out.complete();
        }),
      );
      this.#session.leave();
      if (out.closed) return;
      const timer = after(deadline, this.#connection.settings.scheduler, () => {
        cut = this.size;
        this.#session.resetAll();
      });
      out.add(timer);
    });
  };

  /** The connection has ended, by an error, by the peer or by its owner. */
  #onConnectionEnd(end: ReadEnd): void {
    if (this.#report) return;
    const session = this.#session;
    const error = 'error' in end ? end.error : session.isCut ? connectionEnded() : undefined;
    session.end(error, 'error' in end ? () => withConnection(error) : connectionEnded);
    this.#end(error === undefined ? {} : { error });
    if (this.#connection.lifetime.state === 'open') this.#io.close();
  }

  /** All streams have ended after `leave`. */
  #finish(): void {
    if (this.#report) return;
    this.#session.end(undefined, connectionEnded);
    this.#end({});
    this.#io.close();
  }

  #end({ error }: { readonly error?: unknown }): void {
    if (this.#report) return;
    const by = error !== undefined ? 'error' : this.#session.isLeaving || !this.#io.isEof ? 'us' : 'peer';
    this.#report = this.#makeReport(error === undefined ? { by } : { by, error });
    this.#accepted.complete(this.#connection.settings.scheduler);
    this.#ended.emit(this.#report);
  }

  #makeReport(facts: Pick<MuxReport, 'by' | 'error'>): MuxReport {
    const { dialled, accepted } = this.#session;
    return { ...facts, dialled, accepted };
  }

  #detailsOf(id: number): LayerDetails {
    const { remoteAddress } = this.#io;
    return { wire: 'mux', stream: id, ...(remoteAddress === undefined ? {} : { ip: remoteAddress }) };
  }
}

/**
 * Carries many streams over one connection, in the frames of yamux. Each is a full stream: half-close, reset, backpressure, plugins.
 *
 * ```text
 *   new IOStream({ wire: link.wire() }) ══╗                      ╔══ connections$, handler(stream)
 *   new IOStream({ wire: link.wire() }) ══╬═ io ═ frames ═══ io ═╬══ connections$, handler(stream)
 *                     handler(stream) ════╝                      ╚══ new IOStream({ wire: link.wire() })
 * ```
 *
 * Reads and writes all bytes of `io` from now on. The other end runs `mux` too, or another library for yamux.
 *
 * **Errors**
 * - When the connection fails, each stream fails with that error after its last byte. If it ends before a stream does: ECONNRESET.
 * - A malformed frame ends the mux with EPROTOCOL, which names the frame. So does a flood of frames that transfer nothing.
 * - A peer that answers none of two pings: ETIMEDOUT.
 *
 * **Closing**
 * - `close()` and `drain()` of the mux close `io`.
 *
 * **Backpressure**
 * - A stream that is not read receives at most its `window`; the others go on.
 * - Streams that write take turns, with at most 64 KiB each. `sent` counts bytes that `io` has sent.
 *
 * **Memory**
 * - `window` unread bytes for each stream, and `budget` for all of them. Over it, the stream that holds the most is reset
 *   (EINBUFLIMIT).
 *
 * ```ts
 * import { IOStream, listen, mux } from 'rxjs-io-stream';
 *
 * const at = { host: '127.0.0.1', port: 7000 };
 * listen(at, (io) => mux(io, { role: 'server' }, (stream) => stream.send(stream)).closed$).subscribe({ error: console.error });
 * const link = mux(new IOStream(at), { role: 'client' });
 * new IOStream({ wire: link.wire() }).end('hello');
 * ```
 *
 * @param io the connection; it may still be opening.
 * @param options the `role` of this end, and limits.
 * @param handler called with each stream of the peer, as that of `listen`. Without one, subscribe to `connections$`.
 * @returns the mux, at once.
 * @throws TypeError for wrong arguments.
 * @see {@link relay}, docs/guides/links.md
 */
export function mux<O extends object = object>(io: IOStream, options: MuxOptions<O>, handler?: Handler<StreamOf<O>>): Mux<StreamOf<O>> {
  if (!(io instanceof IOStream)) throw new TypeError(`expected \`io\` of mux to be an IOStream, got ${describeValue(io)}`);
  if (handler !== undefined && typeof handler !== 'function')
    throw new TypeError(`expected the handler of mux to be a function, got ${describeValue(handler)}`);
  return new Mux(io, checkMuxOptions(options), handler as Handler<never> | undefined);
}
