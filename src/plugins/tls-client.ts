import { isIP } from 'node:net';
import {
  checkServerIdentity,
  connect,
  type ConnectionOptions,
  type PeerCertificate,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { domainToASCII } from 'node:url';
import { layer } from '../wire/layer.ts';
import type { Dial, Plugin } from '../wire/signal.ts';
import { contextsOf } from './tls-contexts.ts';
import { asError, TlsLayer, type TlsRole } from './tls-layer.ts';
import { chainProblem } from './tls-peer.ts';
import { checkTls, CLIENT_OPTIONS, isClean, UNSET, type TlsFacts, type TlsOptions, type TlsSessionCache } from './tls-options.ts';
import { markTls } from './tls-plugins.ts';
import { pskIdentityOf, recordClient, withPsk } from './tls-psk.ts';
import { checkRuntime } from './tls-runtime.ts';
import { placeIn, TlsSessions } from './tls-sessions.ts';

type OfNode = Pick<
  ConnectionOptions,
  'servername' | 'ALPNProtocols' | 'checkServerIdentity' | 'rejectUnauthorized' | 'minDHSize' | 'pskCallback'
>;

/** How a client speaks TLS: names and meanings are those of `tls.connect`, and what {@link TlsOptions} adds. */
export interface TlsClientOptions extends Readonly<SecureContextOptions>, Readonly<OfNode>, TlsOptions {
  /**
   * The session to resume, such as `io.details.tls.session` of another connection: where none of the target is known yet. A
   * function is called for each connection, and what it returns is resumed rather than what is known; so it may return the newest
   * session of a connection that is open. False: none is resumed or kept. The certificate of the session must name the target, too;
   * newer Nodes resume it only for the name that it was made with.
   * @default the newest of each target, for 100 targets
   */
  readonly session?: Uint8Array | (() => Uint8Array | undefined) | false | undefined;
  /**
   * Where sessions are kept, instead of in the plugin: a `Map` that several plugins share. What one of them accepts, the others
   * resume without looking at the issuers again; so share it only among those that trust the same.
   */
  readonly sessionCache?: TlsSessionCache | undefined;
  /** The key of the sessions in `sessionCache`. @default one for each target and name */
  readonly sessionKey?: string | undefined;
}

/**
 * Speaks TLS as a client, over any wire: a socket, a proxy's tunnel, another TLS.
 *
 * ```text
 *   application             tlsClient                wire
 *        │                     │◀──── connected ─────│
 *        │                     │═════ handshake ════▶│   Node's TLS (RFC 8446, RFC 5246), then `verify`
 *        │◀──── connected ─────│                     │   details: protocol, cipher, authorized, alpnProtocol, servername, reused, x509
 *        │── data(plaintext) ─▶│── data(records) ───▶│
 *        │◀─ sent(plaintext) ──│◀── sent(records) ───│   when the records that hold it have left
 *        │────── end ─────────▶│── data(close_notify)│   a half-close: the wire below stays open both ways
 *        │◀───── end ──────────│◀─ data(close_notify)│
 *        │◀─ end(truncated) ───│◀────── end ─────────│   no close_notify came before: see `truncation`
 * ```
 *
 * The certificate must be that of the target: the host that was dialled, not that of a proxy below; `servername` takes another
 * name. A name is sent by SNI (an address is not), both in ASCII (`bücher.example` is asked for as `xn--bcher-kva.example`) and
 * without a dot at the end. Dialled without a name to check it throws a `TypeError`, unless `rejectUnauthorized` is false; the
 * environment variable NODE_TLS_REJECT_UNAUTHORIZED has no say. Names count only in the certificate's subjectAltName, as in
 * browsers and curl (RFC 9525); Node would also take the common name where no DNS name is there: for certificates without one
 * give `checkServerIdentity: tls.checkServerIdentity`. `checkServerIdentity` refuses as in Node, by any answer but
 * nothing, and by a throw. `verify` may look further, and can only refuse. A certificate counts as verified only when the runtime
 * reports it; runtimes that do not report it are refused.
 *
 * One plugin value resumes its sessions: the second connection to the same target and name says `reused`. It keeps the newest
 * session of each of 100 targets, of 16 KiB at most, with the certificate that was shown, and only of peers that were accepted; the
 * name of the certificate and `verify` are asked again each time. `session: false` switches it off; `sessionCache` keeps them
 * elsewhere. `details.<name>.session` is the newest session of the connection, for the option `session` of another one, as FTPS
 * servers want it; TLS 1.3 sends sessions after the handshake, so read it when it is needed.
 *
 * With `pskCallback` both sides may prove that they have the same key instead of showing certificates (under TLS 1.2 the `ciphers`
 * must allow it); no name is checked then, `authorized` is true, and sessions are not resumed.
 *
 * A server may refuse the client's certificate after the client's handshake: TLS 1.3 is made so. When the peer then sends an alert,
 * the stream errors with ETLS and its text. When the client has a certificate, and the peer ends within `timeouts.handshake`, before
 * it has sent a byte and before the client ends, it errors with ETLS, too.
 *
 * On error: ETLSCERT (the certificate was not accepted; nothing of the application has been sent, and the peer was sent
 * close_notify: Node can send no other alert), ETLS (any other failure, also EOF before the end of the handshake, and renegotiation), ETLSTRUNCATED,
 * ETOHANDSHAKE (it took longer than `timeouts.handshake`, or than what was left of `establish`, `secureContext` and `verify`
 * included); `cause` is OpenSSL's error. When the flow completes: what is held and close_notify go down, then the wire below is
 * completed, and what goes wrong in TLS from then on is told when that is done; a handshake that is not through is given up. On
 * unsubscribe: everything is freed at once, without close_notify.
 *
 * Lossless. Holds what is written before the handshake is through and while the wire below is paused; asks to pause at 256 KiB
 * of it, and hands at most 256 KiB to TLS at a time. Holds 64 KiB of what the
 * peer sends while `secureContext` or `verify` is waited for, then pauses the wire below.
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
 * @throws TypeError that names the option, when one cannot be used.
 * @throws IOStreamError with ETLS, on a runtime whose TLS cannot do it: Bun; `pskCallback` on Deno.
 * @see tlsServer
 */
export function tlsClient(options: TlsClientOptions = {}): Plugin<TlsFacts> {
  const given = checkTls('tlsClient', options, CLIENT_OPTIONS);
  checkSessions(given);
  checkRuntime('tlsClient', given);
  // All at once: what is left over would inherit.
  const { session, sessionCache, sessionKey, verify, truncation, pskCallback, ...others } = given;
  const { rejectUnauthorized = true, checkServerIdentity: check = checkName } = given;
  const contexts = contextsOf('tlsClient', given);
  const resumes = session !== false && !pskCallback;
  const sessions = resumes && !sessionCache ? new TlsSessions() : undefined;
  return markTls((wire) => (dial) => {
    const { name, servername } = namesOf(given, dial);
    // Judged below, as Node would do it, and for resumed sessions too, where Node would not; and Node would just hang up.
    const unjudged = { rejectUnauthorized: false, checkServerIdentity: () => undefined };
    const target = JSON.stringify([name, dial.to]);
    const role: TlsRole = {
      peer: 'server',
      verify,
      truncation,
      contexts,
      rejectUnauthorized,
      through: 'secureConnect',
      start: (socket, secureContext, resumed) =>
        withPsk(pskCallback, recordClient, (psk) => {
          const ours = { ...unjudged, host: name, servername, secureContext, session: resumed && asBuffer(resumed), socket };
          return connect({ ...UNSET, ...others, ...ours, pskCallback: psk });
        }),
      problem: (socket, { certificate }) => chainProblem(socket) ?? nameProblem(socket, certificate),
      sessionToResume: (known) => {
        if (!resumes) return undefined;
        return typeof session === 'function' ? (session() ?? known) : (known ?? session);
      },
      sessions: sessionCache ? placeIn(sessionCache, sessionKey ?? target) : sessions?.of(target),
    };
    const nameProblem = (socket: TLSSocket, certificate: PeerCertificate | undefined): Error | undefined => {
      if (certificate === undefined) {
        const isKeyed = pskIdentityOf(socket) !== undefined;
        return isKeyed ? undefined : new Error('the server has shown no certificate');
      }
      return name === undefined ? new Error('there was no name to check') : refusalOf(() => check(name, certificate));
    };
    return layer(wire, dial, (ports) => new TlsLayer(role, ports));
  });
}

/** Newer Nodes take a session for one of theirs only as a Buffer. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function checkSessions({ session, sessionCache, sessionKey, pskCallback }: TlsClientOptions): void {
  if (pskCallback && (session || sessionCache))
    throw new TypeError('tlsClient: expected `pskCallback` without `session` and `sessionCache`, got both; keys need no session');
  if (session === false && sessionCache)
    throw new TypeError('tlsClient: expected `sessionCache` without `session: false`, which keeps no sessions, got both');
  if (sessionKey !== undefined && !sessionCache)
    throw new TypeError('tlsClient: expected `sessionKey` with `sessionCache`, got `sessionKey` alone');
}

/**
 * Checks the name in a certificate as Node does, but by its subjectAltName only: Node would take the common name for a host where
 * no DNS name is there (RFC 9525 section 2 forbids it).
 */
function checkName(name: string, certificate: PeerCertificate): Error | undefined {
  const subject = {} as PeerCertificate['subject'];
  const problem = checkServerIdentity(name, { ...certificate, subject });
  return problem && Object.assign(problem, { cert: certificate });
}

/** The problem that `checkServerIdentity` reports, as Node takes it: any answer but nothing refuses, and so does a throw. */
function refusalOf(check: () => unknown): Error | undefined {
  try {
    const said = check();
    return said ? asError(said) : undefined;
  } catch (thrown) {
    return asError(thrown);
  }
}

/** Whom the certificate must name, and what the server is told (RFC 6066 section 3: a DNS name, without the last dot). */
function namesOf(
  { servername: asked, rejectUnauthorized, pskCallback }: TlsClientOptions,
  { to }: Dial,
): { name?: string; servername: string } {
  // An empty servername tells the server nothing, as in Node; what is checked is the target then.
  const target = to && 'host' in to ? to.host : '';
  const given = asked === undefined || asked === '' ? target : asked;
  if (given === '' && (rejectUnauthorized === false || pskCallback)) return { servername: '' };
  if (given === '')
    throw new TypeError('tlsClient: expected a name to check the certificate against, got none: give `servername`, or dial a host');
  const name = (/^[\0-\x7f]*$/.test(given) ? given : domainToASCII(given)).replace(/\.$/, '');
  if (name === '' || !isClean(name))
    throw new TypeError(`tlsClient: expected ${asked ? '`servername`' : 'the host'} to be a name or address, got ${JSON.stringify(given)}`);
  return { name, servername: asked === '' || isIP(name) ? '' : name };
}
