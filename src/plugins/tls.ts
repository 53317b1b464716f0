import { isIP } from 'node:net';
import {
  connect,
  createSecureContext,
  TLSSocket,
  type ConnectionOptions,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocketOptions,
} from 'node:tls';
import { layer } from '../wire/layer.ts';
import type { Dial, Plugin } from '../wire/signal.ts';
import { TlsLayer, type TlsRole, type Verdict } from './tls-layer.ts';

type ClientOnly = 'servername' | 'ALPNProtocols' | 'checkServerIdentity' | 'rejectUnauthorized' | 'session' | 'minDHSize' | 'secureContext';
type ServerOnly = 'ALPNProtocols' | 'requestCert' | 'rejectUnauthorized' | 'SNICallback' | 'secureContext';

/** How a client speaks TLS: names and meanings are those of `tls.connect`. */
export type TlsClientOptions = Readonly<SecureContextOptions & Pick<ConnectionOptions, ClientOnly>>;

/** How a server speaks TLS: names and meanings are those of `new tls.TLSSocket`, but `rejectUnauthorized` is true by default. */
export type TlsServerOptions = Readonly<SecureContextOptions & Pick<TLSSocketOptions, ServerOnly>>;

/**
 * Speaks TLS as a client, over any wire: a socket, a proxy's tunnel, another TLS.
 *
 * ```text
 *   application             tlsClient                wire
 *        │                     │◀──── connected ─────│
 *        │                     │═════ handshake ════▶│   Node's TLS, until 'secureConnect'
 *        │◀──── connected ─────│                     │   details: protocol, cipher, authorized, alpnProtocol, servername
 *        │── data(plaintext) ─▶│── data(records) ───▶│
 *        │◀─ sent(plaintext) ──│◀── sent(records) ───│   when the records that hold it have left
 *        │────── end ─────────▶│── data(close_notify)│   a half-close: the wire below stays open both ways
 *        │◀───── end ──────────│◀─ data(close_notify)│
 *        │◀─ end(truncated) ───│◀────── end ─────────│   no close_notify came before: something may be missing
 * ```
 *
 * The certificate must be that of the target: the host that was dialled, not that of a proxy below; `servername` takes another
 * name. Dialled without a name to check it throws a `TypeError`, unless `rejectUnauthorized` is false.
 *
 * On error: ETLSCERT (the certificate was not accepted; nothing of the application has been sent), ETLS (any other failure,
 * also EOF before the end of the handshake), ETOHANDSHAKE (it took longer than `timeouts.handshake`, or than what was left of
 * `establish`); `cause` is OpenSSL's error. When the flow completes: what is held and close_notify go down, then the wire below
 * is completed; a handshake that is not through is given up. On unsubscribe: everything is freed at once, without close_notify.
 *
 * Lossless. Holds what is written before the handshake is through and while the wire below is paused; asks to pause at 256 KiB
 * of it, and hands at most 256 KiB to TLS at a time.
 *
 * @param options as for `tls.connect`; read once.
 * @throws TypeError when a key or certificate cannot be used.
 * @see tlsServer
 */
export function tlsClient(options: TlsClientOptions = {}): Plugin {
  const given = defined(options);
  const { rejectUnauthorized = true } = given;
  const secureContext = contextOf(given);
  return (wire) => (dial) => {
    const name = nameOf(given, dial);
    const role: TlsRole = {
      through: 'secureConnect',
      start: (socket) => connect({ ...given, ...name, rejectUnauthorized, secureContext, socket }),
      check: ({ authorized, authorizationError }) =>
        authorized ? { authorized } : { authorized, authorizationError: String(authorizationError) },
      refused: (_error, socket) => Boolean(socket.authorizationError),
    };
    return layer(wire, dial, (ports) => new TlsLayer(role, ports));
  };
}

/**
 * Speaks TLS as a server, over any wire: an accepted socket, one end of a pair. The other side of {@link tlsClient}, with the
 * same signals, errors and limits.
 *
 * With `requestCert` the client's certificate is checked, and it errors with ETLSCERT when there is none or it is not accepted,
 * unless `rejectUnauthorized` is false; `authorized` of the details says what was found.
 *
 * @param options as for `new tls.TLSSocket`; read once. `SNICallback` may choose another secure context by name.
 * @throws TypeError when a key or certificate cannot be used.
 * @see tlsClient
 */
export function tlsServer(options: TlsServerOptions): Plugin {
  const given = defined(options);
  const { requestCert = false, rejectUnauthorized = true } = given;
  // Without a name for them OpenSSL refuses to resume sessions in which the client has shown a certificate.
  const secureContext = contextOf({ sessionIdContext: 'rxjs-io-stream', ...given });
  const role: TlsRole = {
    through: 'secure',
    start: (socket) => new TLSSocket(socket, { ...given, requestCert, rejectUnauthorized, secureContext, isServer: true }),
    check: (socket) => (requestCert ? verdictOf(socket, rejectUnauthorized) : { authorized: false }),
    refused: (error) => (error as NodeJS.ErrnoException).code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
  };
  return (wire) => (dial) => layer(wire, dial, (ports) => new TlsLayer(role, ports));
}

/** Without the options that are undefined: for Node they would not be absent. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** Made once for all connections of a plugin: it is costly, has no state of a connection, and its tickets can be shared. */
function contextOf(options: SecureContextOptions & { readonly secureContext?: SecureContext | undefined }): SecureContext {
  try {
    return options.secureContext ?? createSecureContext(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`expected keys and certificates that OpenSSL can use, got ${why}`, { cause });
  }
}

/** Whom the certificate must name, and what the server is told (RFC 6066 section 3: a DNS name, without the last dot). */
function nameOf({ servername, rejectUnauthorized }: TlsClientOptions, { to }: Dial): ConnectionOptions {
  const target = to && 'host' in to ? to.host : undefined;
  // An empty servername tells the server nothing, as in Node; what is checked is the target then.
  const host = servername === '' ? target : (servername ?? target);
  if (host) return { host, servername: servername ?? (isIP(host) ? '' : host.replace(/\.$/, '')) };
  if (rejectUnauthorized === false) return { checkServerIdentity: () => new Error('there was no name to check') };
  throw new TypeError('expected a name to check the certificate against, got none: give servername, or dial a host');
}

/** As `tls.Server` does it; Node has no public way for a socket that was not accepted by one. What cannot be asked is refused. */
function verdictOf(socket: TLSSocket, rejectUnauthorized: boolean): Verdict {
  const { _handle: handle } = socket as { _handle?: { verifyError?: () => NodeJS.ErrnoException | null } };
  const error = handle?.verifyError ? handle.verifyError() : new Error('the certificate of the client could not be checked');
  if (!error) return { authorized: true };
  const authorizationError = (error as NodeJS.ErrnoException).code ?? error.message;
  return { authorized: false, authorizationError, ...(rejectUnauthorized ? { refusal: error } : {}) };
}
