import { Observable, type Observer } from 'rxjs';
import { ECLOSED, EPROTOCOL, IOStreamError } from '../errors.ts';
import { tlsClient, type TlsClientOptions } from '../plugins/tls/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../plugins/tls/tls-server.ts';
import { describeValue } from '../util/describe.ts';
import { bareHost } from '../util/host.ts';
import { ownOptions } from '../util/own-options.ts';
import { RESUME, type Plugin, type Up, type Wire } from '../wire/signal.ts';
import { markServed } from '../wire/served-wires.ts';
import { wireDetails } from '../wire/wire-details.ts';
import { connecting } from './connect.ts';
import type { Connection } from './connection.ts';
import type { EndpointOptions } from './endpoint.ts';
import { IOStream, type IOStreamOptions } from './io-stream.ts';
import { opening } from './open.ts';
import { isOwnField } from './own-fields.ts';
import { heldAhead } from './read-ahead.ts';
import { internalsOf } from './stream-fields.ts';
import type { Secured } from './secured.ts';
import type { StreamSettings } from './settings.ts';

/** The options of `tlsClient`; with `isServer: true` those of `tlsServer`. */
export type StartTlsOptions =
  (TlsClientOptions & { readonly isServer?: false | undefined }) | (TlsServerOptions & { readonly isServer: true });

/** The name of the TLS layer in the new stream. */
const NAME = 'tls';

/**
 * Upgrades a connection to TLS in mid-stream, as STARTTLS of SMTP (RFC 3207), IMAP and others do, and emits a new stream.
 *
 * Cold. Subscribe when both sides have agreed in clear text. A stream can be upgraded once. Lossless.
 *
 * ```text
 *   io   ── STARTTLS ──▶ ◀── 220 go ahead ──┐
 *                                           startTls(io) ── handshake ──▶ new stream ─────── closed ──▶ complete
 *   io.closed$ ── { by: 'upgraded' } ───────┘            └─ fails ──▶ error    └─ fatal error ──▶ error
 *   unsubscribe ──▶ closes the new stream, at any stage
 * ```
 *
 * Emits the new stream when the handshake is complete. It keeps the callback, the own fields and all options except the endpoint.
 * TLS is its only plugin, named `tls` (`details.tls`); the plugins of `io` remain active below it.
 *
 * **Errors**
 * - EPROTOCOL for unread bytes after the go-ahead, which an attacker may have injected (CVE-2011-0411). `io` stays open.
 * - TypeError while `io` has a reader or unsent bytes: wait for SENT, or for `send` to complete.
 * - ECLOSED if `io` is not open in both directions.
 * - The errors of `tlsClient` and `tlsServer`.
 *
 * **Closing**
 * - `io` closes with `by: 'upgraded'`; its `data$` and `events$` complete.
 * - You close the new stream, also in a handler of `listen`.
 *
 * ```ts
 * import { connect, converse, startTls } from 'rxjs-io-stream';
 * import { switchMap } from 'rxjs';
 *
 * connect({ host: '127.0.0.1', port: 25 })
 *   .pipe(
 *     switchMap((io) =>
 *       converse(io, function* (link) {
 *         yield* link.readUntil('\r\n', 512);
 *         link.send('STARTTLS\r\n');
 *         yield* link.readUntil('\r\n', 512);
 *       }).pipe(switchMap(() => startTls(io, { servername: 'localhost' }))),
 *     ),
 *   )
 *   .subscribe({ next: (secure) => console.log(secure.details.tls.protocol), error: console.error });
 * ```
 *
 * @param io an open stream.
 * @param options as for `tlsClient`, with `servername` defaulting to the `host` of `io`. With `isServer: true`, as for `tlsServer`.
 * @returns a cold Observable.
 * @throws TypeError at the call, for wrong options or without a name to check the server's certificate against.
 * @see docs/guides/starttls.md, {@link openTls} for a Promise of the new stream, {@link tlsClient}, {@link tlsServer}
 */
export function startTls<S extends IOStream>(io: S, options: StartTlsOptions = {}): Observable<Secured<S>> {
  return connecting(upgrading('startTls', io, options)) as Observable<unknown> as Observable<Secured<S>>;
}

/**
 * Upgrades a connection to TLS as {@link startTls} does, and resolves with the new stream. The upgrade starts at the call.
 *
 * ```ts
 * import { open, openTls } from 'rxjs-io-stream';
 *
 * const io = await open({ host: '127.0.0.1', port: 5432 });
 * const secure = await openTls(io, { servername: 'localhost' }); // both sides have agreed on it before
 * secure.end('hello');
 * for await (const bytes of secure) console.log(bytes.toString());
 * secure.close();
 * ```
 *
 * **Errors**
 * - Rejects with every error that `startTls` throws or emits.
 * - A later fatal error of the new stream is kept for the next read, `send` or `closed$`, as after `open`.
 *
 * **Closing**
 * - You close the new stream, by `await using` or `close()`.
 *
 * @param io an open stream.
 * @param options as for `startTls`.
 * @returns a Promise of the new stream.
 * @throws TypeError for wrong options, as a rejection.
 * @see {@link startTls}
 */
export async function openTls<S extends IOStream>(io: S, options: StartTlsOptions = {}): Promise<Secured<S>> {
  return opening(upgrading('openTls', io, options)) as Promise<unknown> as Promise<Secured<S>>;
}

/** Checks the arguments. Returns the function that moves the wire of `io` to a new stream with TLS. */
function upgrading(caller: string, io: IOStream, options: StartTlsOptions): () => IOStream {
  const given: unknown = io;
  if (!(given instanceof IOStream)) throw new TypeError(`${caller}: expected \`io\` to be an IOStream, got ${describeValue(given)}`);
  if (typeof options === 'function')
    throw new TypeError(
      `${caller}: expected the options of TLS, got a function; give what tlsClient() or tlsServer() take, not the plugin that they return: ${caller}(io, { servername: 'mail.example' })`,
    );
  const tls = pluginOf(caller, io, ownOptions(options, caller));
  return () => {
    const successor = new IOStream(upgraded(io, tls, options.isServer === true));
    const core = internalsOf(io);
    core.successor = successor;
    core.errors.supervisor.upgraded?.(successor, io);
    return successor;
  };
}

function pluginOf(caller: string, { host, port }: IOStream, options: StartTlsOptions): Plugin {
  const { isServer, ...rest } = options as { isServer?: unknown } & TlsClientOptions & TlsServerOptions;
  // `rest` is a plain object with a prototype again: remove it.
  const own = ownOptions(rest, caller);
  if (isServer === true) return tlsServer(own);
  if (isServer !== undefined && isServer !== false)
    throw new TypeError(`${caller}: expected \`isServer\` to be a boolean, got ${describeValue(isServer)}`);
  const client = tlsClient(own);
  const to = host === undefined || port === undefined ? undefined : { host: bareHost(host), port };
  if (!to && !own.servername && own.rejectUnauthorized !== false && !own.pskCallback)
    throw new TypeError(
      `${caller}: expected \`servername\`, the name to check the server's certificate against, got none; the stream has no host`,
    );
  // The certificate is checked against the host that the stream has dialled.
  return (wire) => (dial) => client(wire)({ ...dial, to });
}

function upgraded(io: IOStream, tls: Plugin, isServer: boolean): IOStreamOptions {
  const connection = internalsOf(io);
  checkIsFree(io, connection);
  const wire = wireOf(io, connection);
  const own = Object.entries(io).filter(([name]) => isOwnField(name));
  return {
    ...(Object.fromEntries(own) as object),
    ...keptOptions(connection.settings),
    wire: isServer ? markServed(wire) : wire,
    plugin: { [NAME]: tls },
  };
}

/** The options of a stream that go to its successor: all but the endpoint and the plugins. */
function keptOptions(settings: StreamSettings): Omit<IOStreamOptions, keyof EndpointOptions> {
  const { onEvent, isFatal, highWaterMark, signal, scheduler, cb, method, waitFor, inBufLimit, outBufLimit, allowHalfOpen } = settings;
  const kept = { onEvent, isFatal, highWaterMark, signal, scheduler, cb, method, waitFor, inBufLimit, outBufLimit, allowHalfOpen };
  return { ...kept, timeouts: { ...settings.timeouts } } as Omit<IOStreamOptions, keyof EndpointOptions>;
}

function checkIsFree(io: IOStream, core: Connection): void {
  const { reads, writes } = core;
  if (io.state !== 'open' || io.isEof || writes.ended)
    throw new IOStreamError(ECLOSED, {
      phase: 'handshake',
      layer: NAME,
      message: `the stream is ${io.state === 'open' ? 'ended' : io.state}, TLS needs one that is open in both directions`,
    });
  // Attached and detached at once: this marks the stream as read, so that a server's handler survives the close of `io`.
  const leave = reads.hasReader ? undefined : reads.attach({ ready: () => undefined });
  if (!leave)
    throw new TypeError('startTls: expected a stream without readers, got one that is read by data$, consume, iteration or converse');
  leave();
  const injected = (held: string): IOStreamError => {
    const message = `the peer sent ${held} behind the clear text; they may be injected`;
    return new IOStreamError(EPROTOCOL, { phase: 'handshake', layer: NAME, message });
  };
  if (reads.buffer.length > 0) throw injected(`${reads.buffer.length} unread bytes`);
  if (writes.pending > 0 || core.sends.length > 0)
    throw new TypeError(`startTls: expected a stream without pending bytes, got ${writes.pending}: wait for SENT, or use send()`);
  // Checked last, since it ends the input of decoders.
  const held = heldAhead(io);
  if (held !== undefined) throw injected(held);
}

/** Returns the connected wire of `io`, for another stream. */
function wireOf(io: IOStream, core: Connection): Wire {
  return () => (flow$) =>
    new Observable<Up>((up) => {
      const below = Object.values(core.details).filter(({ layer }) => layer !== NAME);
      const { handle, inbound, outbound: down } = core;
      handOver(inbound, up);
      core.closing.finish('upgraded', undefined, {});
      up.add(() => core.wire?.unsubscribe());
      flow$.subscribe(down);
      down.next(RESUME); // The old stream may have paused it.
      up.next({ kind: 'connected', details: [...below, wireDetails({ ip: io.ip }, handle)] });
    });
}

/** Passes all further signals of the wire to `successor`. */
function handOver(inbound: Observer<Up>, successor: Observer<Up>): void {
  inbound.next = (signal) => successor.next(signal);
  inbound.error = (error) => successor.error(error);
  inbound.complete = () => successor.complete();
}
