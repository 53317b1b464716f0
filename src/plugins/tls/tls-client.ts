import { connect, type ConnectionOptions, type PeerCertificate, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { layer } from '../../wire/layer.ts';
import { isNodeStream } from '../../wire/node-stream-wires.ts';
import type { Plugin } from '../../wire/signal.ts';
import { chainProblem } from './chain-problem.ts';
import { checkTlsOptions } from './check-tls-options.ts';
import { keylogListener } from './keylog-listener.ts';
import { nameProblem } from './name-problem.ts';
import { keepReadCertificate } from './peer-certificates.ts';
import { serverNames } from './server-names.ts';
import { sessionStoreIn } from './session-store.ts';
import { tlsContexts } from './tls-contexts.ts';
import { TlsLayer } from './tls-layer.ts';
import { CLIENT_OPTIONS } from './tls-option-rules.ts';
import type { TlsFacts, TlsOptions, TlsSessionCache } from './tls-options.ts';
import { markTls } from './tls-plugins.ts';
import { pskIdentityOf, recordClient, withPsk } from './tls-psk.ts';
import type { TlsRole } from './tls-role.ts';
import { checkRuntime } from './tls-runtime.ts';
import { TlsSessions } from './tls-sessions.ts';
import { UNSET_OPTIONS } from './unset-options.ts';

type NodeOptions = Pick<
  ConnectionOptions,
  'servername' | 'ALPNProtocols' | 'checkServerIdentity' | 'rejectUnauthorized' | 'minDHSize' | 'pskCallback'
>;

/**
 * The options of a TLS client: those of `tls.connect` with the same meanings, plus {@link TlsOptions}.
 *
 * - `servername` replaces the dialled host as the name to check and to send by SNI. Names are sent in ASCII without a trailing dot;
 *   addresses are not sent.
 * - As in Node, any truthy result or throw of `checkServerIdentity` refuses.
 * - With `pskCallback` both sides may prove a shared key: no name is checked, `authorized` is true, no session is resumed. TLS 1.2 also
 *   needs suitable `ciphers` for it.
 */
export interface TlsClientOptions extends Readonly<SecureContextOptions>, Readonly<NodeOptions>, TlsOptions {
  /**
   * The session to resume if the plugin knows none for the target, such as `io.details.tls.session` of another connection (FTPS
   * servers require that). False: sessions are neither resumed nor kept.
   *
   * - A function is called for each connection. What it returns has priority over the known session, so it may return the newest
   *   session of an open connection.
   * - The plugin keeps sessions of accepted peers only, of at most 16 KiB, with the peer's certificate. The name in the certificate
   *   and `verify` are checked again at each resumption.
   * - Newer Node versions resume a session only for the name it was created with.
   *
   * @default the newest session of each target, for 100 targets
   */
  readonly session?: Uint8Array | (() => Uint8Array | undefined) | false | undefined;
  /**
   * Where sessions are kept, instead of in the plugin: a `Map`, possibly shared by several plugins. A session that one plugin accepted
   * is resumed by the others without another check of its issuers. So share it only among plugins that trust the same authorities.
   *
   * @default none: the plugin keeps them
   */
  readonly sessionCache?: TlsSessionCache | undefined;
  /** The key of the sessions in `sessionCache`. @default one key for each target and name */
  readonly sessionKey?: string | undefined;
}

/**
 * Speaks TLS as a client on any wire, such as a socket or another TLS.
 *
 * ```text
 *   application             tlsClient                wire
 *        │                     │◀──── connected ─────│
 *        │                     │═════ handshake ════▶│   Node's TLS (RFC 8446, RFC 5246), then `verify`
 *        │◀──── connected ─────│                     │   details: protocol, cipher, authorized, alpnProtocol, servername, reused, x509
 *        │── data(plaintext) ─▶│── data(records) ───▶│
 *        │◀─ sent(plaintext) ──│◀── sent(records) ───│   when the records that hold it are sent
 *        │────── end ─────────▶│── data(close_notify)│   a half-close. Directly on a socket a FIN follows, see docs/guides/tls.md
 *        │◀───── end ──────────│◀─ data(close_notify)│
 *        │◀─ end(truncated) ───│◀────── end ─────────│   no close_notify came before: see `truncation`
 * ```
 *
 * The certificate must match the dialled host, or `servername`. Only subjectAltName counts (RFC 9525); for the common name, pass
 * `tls.checkServerIdentity`. Sessions are resumed, see `session`.
 *
 * **Errors**
 * - ETLSCERT: the certificate was not accepted. No application data was sent. The peer gets close_notify.
 * - ETLS: other failures, early EOF, renegotiation. `cause` is OpenSSL's error.
 * - ETLSTRUNCATED: see `truncation`.
 * - ETOHANDSHAKE: `timeouts.handshake` or `establish` expired, `secureContext` and `verify` included.
 *
 * **Closing**
 * - Close writes queued bytes and close_notify, then completes the wire below. Later TLS errors are reported after that. A pending
 *   handshake is aborted.
 * - Unsubscribing frees everything, without close_notify.
 *
 * **Backpressure, Memory**
 * - Queues writes during the handshake and while the wire below is paused; pauses the application at 256 KiB. Lossless.
 * - Passes at most 256 KiB to TLS at a time.
 * - Pauses the wire below at 64 KiB received during `secureContext` or `verify`.
 *
 * ```ts
 * import { connect, tlsClient } from 'rxjs-io-stream';
 *
 * connect({ host: '127.0.0.1', port: 443, plugin: { ssl: tlsClient({ servername: 'localhost' }) } }).subscribe({
 *   next: (io) => console.log(io.details.ssl?.protocol),
 *   error: (error) => console.error(error.code),
 * });
 * ```
 *
 * @param options as for `tls.connect`, and `verify`, `truncation`, `secureContext`, `sessionCache`; read once.
 * @throws TypeError that names an invalid option. At the dial, if there is no name to check, unless `rejectUnauthorized` is false or
 *   there is a `pskCallback`.
 * @throws IOStreamError with ETLS on an unsupported runtime: Bun; `pskCallback` on Deno.
 * @see docs/guides/tls.md for trust and late rejections, {@link tlsServer}
 */
export function tlsClient(options: TlsClientOptions = {}): Plugin<TlsFacts> {
  const checked = checkTlsOptions('tlsClient', options, CLIENT_OPTIONS);
  checkSessionOptions(checked);
  checkRuntime('tlsClient', checked);
  // All are removed: Node would inherit a name that remains in the options.
  const { session, sessionCache, sessionKey, verify, truncation, keylog, pskCallback, ...nodeOptions } = checked;
  const { rejectUnauthorized = true, checkServerIdentity, servername: requestedName } = checked;
  const contexts = tlsContexts('tlsClient', checked);
  const resumes = session !== false && !pskCallback;
  const sessions = resumes && !sessionCache ? new TlsSessions() : undefined;
  return markTls((wire) => (dial) => {
    const { name, servername } = serverNames(requestedName, dial, rejectUnauthorized && !pskCallback);
    const target = JSON.stringify([name, dial.to]);
    const role: TlsRole = {
      peer: 'server',
      verify,
      truncation,
      contexts,
      rejectUnauthorized,
      secureEvent: 'secureConnect',
      keylog: keylogListener(keylog),
      start: (socket, secureContext, resumed) =>
        withPsk(pskCallback, recordClient, (psk) => {
          const own = { host: name, servername, secureContext, session: resumed && asBuffer(resumed), socket, pskCallback: psk };
          return connectUnchecked({ ...UNSET_OPTIONS, ...nodeOptions, ...own });
        }),
      certificateProblem: (socket, { certificate }) => {
        const problem = chainProblem(socket);
        if (problem) return problem;
        if (certificate) return nameProblem(certificate, name, checkServerIdentity);
        return pskIdentityOf(socket) === undefined ? new Error('the server has sent no certificate') : undefined;
      },
      sessionToResume: (known) => {
        if (!resumes) return undefined;
        return typeof session === 'function' ? (session() ?? known) : (known ?? session);
      },
      sessionStore: sessionCache ? sessionStoreIn(sessionCache, sessionKey ?? target) : sessions?.of(target),
    };
    return layer(wire, dial, (ports) => new TlsLayer(role, ports, isNodeStream(wire)));
  });
}

/**
 * Starts Node's TLS so that Node checks nothing. The layer checks the certificate itself, as Node would, but also for resumed sessions.
 * On a mismatch Node would only close the socket.
 */
function connectUnchecked(options: ConnectionOptions): TLSSocket {
  const keep = (_: string, certificate: PeerCertificate): undefined => keepReadCertificate(socket, certificate);
  const socket: TLSSocket = connect({ ...options, rejectUnauthorized: false, checkServerIdentity: keep });
  return socket;
}

/** Newer Node versions recognise their own sessions only as a Buffer. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function checkSessionOptions({ session, sessionCache, sessionKey, pskCallback }: TlsClientOptions): void {
  if (pskCallback && (session || sessionCache))
    throw new TypeError('tlsClient: expected `pskCallback` without `session` and `sessionCache`, got both; keys need no session');
  if (session === false && sessionCache)
    throw new TypeError('tlsClient: expected `sessionCache` without `session: false`, which keeps no sessions, got both');
  if (sessionKey !== undefined && !sessionCache)
    throw new TypeError('tlsClient: expected `sessionKey` with `sessionCache`, got `sessionKey` alone');
}
