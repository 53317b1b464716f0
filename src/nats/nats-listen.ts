/* eslint-disable @typescript-eslint/unified-signatures -- the own fields of a union of options would not be inferred */
import { Observable } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { MessageConnection } from '../messages/message-connection.ts';
import { abortError } from '../stream/abort.ts';
import { drainOnAbort } from '../stream/drain-on-abort.ts';
import { IOStream, type StreamOf } from '../stream/io-stream.ts';
import { DEFAULTS } from '../stream/options.ts';
import type { Handler } from '../stream/run-handler.ts';
import { Server } from '../stream/server.ts';
import { publishListening } from '../stream/server-diagnostics.ts';
import type { OptionsOf } from '../stream/stream-of.ts';
import { atTickEnd } from '../util/at-tick-end.ts';
import { describeValue } from '../util/describe.ts';
import { steadyScheduler } from '../util/real-time.ts';
import { direct } from '../wire/direct.ts';
import { markServed } from '../wire/served-wires.ts';
import { linkOf } from './broker-link.ts';
import { NatsChannel, type NatsRequest } from './nats-channel.ts';
import { brokerClosed, cannotListen } from './nats-errors.ts';
import { checkNatsListenOptions, type NatsListenOptions } from './nats-listen-options.ts';
import { NatsListener } from './nats-listener.ts';

/**
 * Listens on a subject of NATS for the streams of {@link nats}: each subscription joins the queue group, emits a `Server`, and serves
 * until it is unsubscribed.
 *
 * ```text
 *   nats({ subject }) ── request ──▶ subject, queue ──▶ one process ──▶ connections$, handler(io)
 *                   ◀═══════ two private subjects ═══▶ io
 * ```
 *
 * **Errors**
 * - Errors with EACCES if the server does not permit the subject, and with ECONNRESET when `connection` is closed.
 * - `server.errors$` emits failed handshakes, errors of handlers, and unhandled errors of accepted streams, as for `listen`.
 *
 * **Closing**
 * - `server.drain` and `signal` leave the queue group. Requests that the server has sent before are served, then the streams end.
 * - Unsubscribing leaves the queue group, unsubscribes all handlers, and closes all streams silently. `connection` stays open.
 *
 * **Backpressure**
 * - Of each stream, as for `nats`. Connections have none: see `maxConnections`.
 *
 * **Memory**
 * - For each stream, at most `window` unread bytes.
 *
 * ```ts
 * import { connect } from '@nats-io/transport-node';
 * import { natsListen } from 'rxjs-io-stream/nats';
 *
 * const connection = await connect({ servers: '127.0.0.1:4222' });
 * natsListen({ connection, subject: 'echo' }, (io) => io.send(io)).subscribe({ error: console.error });
 * ```
 *
 * @param options the `connection`, the `subject` and the `queue` ('rxjs-io-stream'), and the options of the accepted streams.
 * @param handler called with each connected stream. Without one, subscribe to `connections$` in the tick in which the server is
 *   emitted.
 * @returns a cold Observable of the server. Emits when the server of NATS has processed the subscription.
 * @throws TypeError for wrong options, at the call.
 * @see {@link nats}, docs/guides/nats.md
 */
export function natsListen<O extends object>(
  options: OptionsOf<Readonly<O>, NatsListenOptions<StreamOf<O>>>,
  handler?: Handler<StreamOf<O>>,
): Observable<Server<StreamOf<O>>>;
export function natsListen<O extends object>(
  options: OptionsOf<O, NatsListenOptions<StreamOf<O>>>,
  handler?: Handler<StreamOf<O>>,
): Observable<Server<StreamOf<O>>>;
export function natsListen(options: NatsListenOptions, handler?: Handler<never>): Observable<unknown> {
  const { connection, subject, queue, maxConnections, signal, settings, stream } = checkNatsListenOptions(options);
  if (handler !== undefined && typeof handler !== 'function')
    throw new TypeError(`expected the handler of natsListen to be a function, got ${describeValue(handler)}`);
  const link = linkOf(connection);
  const scheduler = steadyScheduler(stream.scheduler ?? DEFAULTS.scheduler);
  const accept = (request: NatsRequest): IOStream => {
    const open = (): NatsChannel => new NatsChannel(link, request.subject, request);
    return new IOStream({
      ...stream,
      wire: markServed((dial) => direct((up) => new MessageConnection(dial, up, settings(request.subject, 'localAddress'), open))),
    });
  };

  return new Observable((out) => {
    if (signal?.aborted) {
      out.error(abortError(signal));
      return undefined;
    }
    let server: Server | undefined;
    const fail = (error: Error): void => out.error(error instanceof IOStreamError ? error : cannotListen(error));
    let listener: NatsListener;
    try {
      listener = new NatsListener({ connection, subject, queue, isFull: () => server !== undefined && server.size >= maxConnections });
    } catch (error) {
      fail(error as Error);
      return undefined;
    }
    listener.on('error', fail);
    const start = (): void => {
      if (out.closed) return;
      const refuse = (request: NatsRequest): void => listener.refuse(request, 'ECONNRESET');
      const shared = { scheduler, handler: handler as Handler | undefined, caller: 'natsListen', admission: undefined };
      server = new Server(listener, { ...shared, address: subject, accept, refuse });
      publishListening(server);
      out.next(server);
      listener.start();
    };
    connection.flush().then(start, fail);
    // The streams fail at the same time, and `errors$` reports that at the end of this tick. The listener fails after that.
    const atNextTickEnd = (work: () => void): void => out.add(atTickEnd(scheduler, () => out.add(atTickEnd(scheduler, work))));
    out.add(link.closed$.subscribe((reason) => atNextTickEnd(() => fail(brokerClosed(reason, 'read')))));
    if (signal) drainOnAbort(signal, out, () => server);
    return () => {
      listener.destroy();
      server?.stop();
    };
  });
}
