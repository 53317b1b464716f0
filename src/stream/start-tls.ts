import { Observable } from 'rxjs';
import { ECLOSED, EPROTOCOL, IOStreamError } from '../errors.ts';
import { tlsClient, type TlsClientOptions } from '../plugins/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../plugins/tls-server.ts';
import { bareHost } from '../wire/bare-host.ts';
import { ownOptions } from '../wire/own-options.ts';
import { RESUME, type Plugin, type Up, type Wire } from '../wire/signal.ts';
import { inWords } from './bytes.ts';
import { connecting } from './connect.ts';
import type { Core } from './core.ts';
import { coreOf, IOStream } from './io-stream.ts';
import { opening } from './open.ts';
import { isOwnField, type IOStreamOptions } from './options.ts';
import { heldAhead } from './read-ahead.ts';
import type { Secured } from './stream-of.ts';

/** The options of `tlsClient`; with `isServer: true` those of `tlsServer`. */
export type StartTlsOptions =
  (TlsClientOptions & { readonly isServer?: false | undefined }) | (TlsServerOptions & { readonly isServer: true });

/** The name of the TLS layer in the new stream. */
const NAME = 'tls';

/**
 * Upgrades a connection to TLS in mid-stream, as STARTTLS of SMTP (RFC 3207), IMAP and others do: once both sides have agreed in
 * clear text, it takes the wire from under the stream, lays TLS on it and emits a new stream.
 *
 * ```text
 *   io   ── STARTTLS ──▶ ◀── 220 go ahead ──┐
 *                                           startTls(io) ── handshake ──▶ new stream ─────── closed ──▶ complete
 *   io.closed$ ── { by: 'upgraded' } ───────┘            └─ fails ──▶ error    └─ fatal error ──▶ error
 *   unsubscribe ──▶ closes the new stream, at any stage
 * ```
 *
 * Cold: nothing happens to `io` before the subscription, and it can be upgraded once. Then `io` is closed with `by: 'upgraded'`:
 * its `data$` and `events$` complete. The new stream has all options of the old one that do not say where it connects to, its
 * callback and its own fields among them; TLS is its only plugin, by the name `tls` (`details.tls`), those of the old one work on
 * below. It is emitted when the handshake is through, and is then as one of `connect`: yours to end, also in a handler of `listen`;
 * the server counts it, drains it, and closes it when it stops.
 *
 * Everything of the clear text must be over. Bytes that came behind the go-ahead and were not read may have been put there by
 * an attacker on the way (the injection of CVE-2011-0411): EPROTOCOL, and `io` stays open; they are never taken for TLS or emitted
 * by the new stream. That includes messages of `framed` that were not taken, and the part of one that its codec holds: the
 * messages of the clear text end with the attempt. A reader that still reads `io`, and bytes that have not left yet (wait for SENT, or for `send` to complete),
 * error with a TypeError; a stream that is not open any more with ECLOSED. All errors of `tlsClient` and `tlsServer` come as
 * there. Lossless.
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
 * @param io a stream that is open.
 * @param options as for `tlsClient`; `servername` is the `host` of `io` by default. With `isServer: true` as for `tlsServer`.
 * @throws TypeError for wrong options, and when there is no name to check the server's certificate against, at the call.
 * @see openTls for a Promise of the new stream, {@link tlsClient}, {@link tlsServer}
 */
export function startTls<S extends IOStream>(io: S, options: StartTlsOptions = {}): Observable<Secured<S>> {
  return connecting(upgrading('startTls', io, options)) as Observable<unknown> as Observable<Secured<S>>;
}

/**
 * Upgrades a connection to TLS as {@link startTls} does, and resolves with the new stream: what `open` is to `connect`. The upgrade
 * begins at the call. The new stream is the caller's to close, by `await using` or `io.close()`.
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
 * **Errors**: rejects with all that `startTls` throws or emits; later errors are the new stream's own, as after `open`.
 *
 * @param io a stream that is open.
 * @param options as for `startTls`.
 * @throws TypeError for wrong options, as a rejection.
 * @see startTls
 */
export async function openTls<S extends IOStream>(io: S, options: StartTlsOptions = {}): Promise<Secured<S>> {
  return opening(upgrading('openTls', io, options)) as Promise<unknown> as Promise<Secured<S>>;
}

/** Checks the arguments, and returns what takes the wire from under the stream and makes the new one. */
function upgrading(caller: string, io: IOStream, options: StartTlsOptions): () => IOStream {
  const given: unknown = io;
  if (!(given instanceof IOStream)) throw new TypeError(`${caller}: expected \`io\` to be an IOStream, got ${inWords(given)}`);
  if (typeof options === 'function')
    throw new TypeError(
      `${caller}: expected the options of TLS, got a function; give what tlsClient() or tlsServer() take, not the plugin that they return: ${caller}(io, { servername: 'mail.example' })`,
    );
  const tls = pluginOf(caller, io, ownOptions(options, caller));
  return () => {
    const heir = new IOStream(upgraded(io, tls));
    const core = coreOf(io);
    core.supervisor.upgraded?.(heir, core);
    return heir;
  };
}

function pluginOf(caller: string, { host, port }: IOStream, options: StartTlsOptions): Plugin {
  const { isServer, ...rest } = options as { isServer?: unknown } & TlsClientOptions & TlsServerOptions;
  // What is left out is a plain object, which inherits.
  const own = ownOptions(rest, caller);
  if (isServer === true) return tlsServer(own);
  if (isServer !== undefined && isServer !== false)
    throw new TypeError(`${caller}: expected \`isServer\` to be a boolean, got ${inWords(isServer)}`);
  const client = tlsClient(own);
  const to = host === undefined || port === undefined ? undefined : { host: bareHost(host), port };
  if (!to && !own.servername && own.rejectUnauthorized !== false && !own.pskCallback)
    throw new TypeError(
      `${caller}: expected \`servername\`, the name to check the server's certificate against, got none; the stream has no host`,
    );
  // The name to check is that of whom the stream has dialled.
  return (wire) => (dial) => client(wire)({ ...dial, to });
}

/** What says where a stream connects to, or was for the clear text only. */
const NOT_KEPT = ['fh', 'host', 'port', 'path', 'wire', 'plugin', 'outBuf', 'outPos'];

function upgraded(io: IOStream, tls: Plugin): IOStreamOptions {
  const core = coreOf(io);
  checkIsFree(io, core);
  const options = Object.entries(core.options).filter(([name]) => !NOT_KEPT.includes(name) && !isOwnField(name));
  const own = Object.entries(io).filter(([name]) => isOwnField(name));
  const { cb, method, waitFor, inBufLimit, timeouts } = core;
  const { outBufLimit } = core.writes;
  return {
    ...(Object.fromEntries([...options, ...own]) as IOStreamOptions),
    ...{ cb, method, waitFor, inBufLimit, outBufLimit, timeouts },
    wire: wireOf(io, core),
    plugin: { [NAME]: tls },
  };
}

function checkIsFree(io: IOStream, core: Core): void {
  const { reads, writes } = core;
  if (io.state !== 'open' || io.isEof || writes.ended)
    throw new IOStreamError(ECLOSED, {
      phase: 'handshake',
      layer: NAME,
      message: `expected a stream that is open both ways, it is ${io.state === 'open' ? 'ended' : io.state}`,
    });
  // Taken for a moment: so the handler of a server is known to be one who reads, and is not stopped when this stream closes.
  const leave = reads.hasReader ? undefined : reads.attach({ ready: () => undefined });
  if (!leave)
    throw new TypeError(
      'startTls: expected nobody to read the stream any more, somebody does: subscribes data$, consumes, iterates or converses',
    );
  leave();
  const injected = (held: string): IOStreamError => {
    const message = `expected no bytes behind the clear text, got ${held}: they may be injected`;
    return new IOStreamError(EPROTOCOL, { phase: 'handshake', layer: NAME, message });
  };
  if (reads.buffer.length > 0) throw injected(`${reads.buffer.length} unread bytes`);
  if (writes.pending > 0 || core.sends.length > 0)
    throw new TypeError(`startTls: expected all bytes to have left, ${writes.pending} have not: wait for SENT, or use send()`);
  // Last: it ends the input of decoders.
  const held = heldAhead(io);
  if (held !== undefined) throw injected(held);
}

/** The wire as it is, under another stream. */
function wireOf(io: IOStream, core: Core): Wire {
  return () => (flow$) =>
    new Observable<Up>((up) => {
      const below = Object.values(core.details).filter(({ layer }) => layer !== NAME);
      const { handle } = core;
      const { down, free } = core.upgrade(up);
      up.add(free);
      flow$.subscribe(down);
      down.next(RESUME); // it may have been paused for the old one
      up.next({ kind: 'connected', details: [...below, { handle, ip: io.ip }] });
    });
}
