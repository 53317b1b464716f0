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
import { checkTls, CLIENT_OPTIONS, isClean, type TlsOptions } from './tls-options.ts';
import { TlsSessions } from './tls-sessions.ts';

type OfNode = Pick<ConnectionOptions, 'servername' | 'ALPNProtocols' | 'checkServerIdentity' | 'rejectUnauthorized' | 'minDHSize'>;

/** How a client speaks TLS: names and meanings are those of `tls.connect`, and what {@link TlsOptions} adds. */
export interface TlsClientOptions extends Readonly<SecureContextOptions>, Readonly<OfNode>, TlsOptions {
  /**
   * The session to resume, for a target of which none is known yet: give one of that target only, its certificate is not looked
   * at again; false: none is resumed or kept.
   * @default the newest of each target, for 100 targets
   */
  readonly session?: Uint8Array | false | undefined;
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
 * environment variable NODE_TLS_REJECT_UNAUTHORIZED has no say. `checkServerIdentity` refuses as in Node, by any answer but
 * nothing, and by a throw. `verify` may look further, and can only refuse.
 *
 * One plugin value resumes its sessions: the second connection to the same target and name says `reused`. It keeps the newest
 * session of each of 100 targets, of 16 KiB at most, with the certificate that was shown, and only of peers that were accepted; the
 * name of the certificate and `verify` are asked again each time. `session: false` switches it off.
 *
 * On error: ETLSCERT (the certificate was not accepted; nothing of the application has been sent, and the peer was told
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
 * @param options as for `tls.connect`, and `verify`, `truncation`, `secureContext`; read once.
 * @throws TypeError that names the option, when one cannot be used.
 * @see tlsServer
 */
export function tlsClient(options: TlsClientOptions = {}): Plugin {
  const given = checkTls('tlsClient', options, CLIENT_OPTIONS);
  const { session: first, rejectUnauthorized = true, checkServerIdentity: check = checkServerIdentity, ...rest } = given;
  const { verify, truncation } = given;
  const contexts = contextsOf('tlsClient', given);
  const sessions = first === false ? undefined : new TlsSessions();
  return (wire) => (dial) => {
    const { name, servername } = namesOf(given, dial);
    // Judged below, as Node would do it, and for resumed sessions too, where Node would not; and Node would just hang up.
    const unjudged = { rejectUnauthorized: false, checkServerIdentity: () => undefined };
    const target = JSON.stringify([name, dial.to]);
    const role: TlsRole = {
      verify,
      truncation,
      contexts,
      rejectUnauthorized,
      through: 'secureConnect',
      start: (socket, secureContext, session = first === false ? undefined : first) =>
        connect({ ...rest, ...unjudged, host: name, servername, secureContext, session: session as Buffer | undefined, socket }),
      problem: (socket, { certificate }) => chainProblem(socket) ?? nameProblem(socket, certificate),
      sessions: sessions?.of(target),
    };
    const nameProblem = (socket: TLSSocket, certificate: PeerCertificate | undefined): Error | undefined => {
      if (name === undefined) return new Error('there was no name to check');
      // Only of a `session` that was given nobody knows the certificate: it was checked by whoever made it.
      return certificate
        ? refusalOf(() => check(name, certificate))
        : socket.isSessionReused()
          ? undefined
          : new Error('the server has shown no certificate');
    };
    return layer(wire, dial, (ports) => new TlsLayer(role, ports));
  };
}

/** What `checkServerIdentity` says, as Node takes it: anything but nothing refuses. So does a throw. */
function refusalOf(check: () => unknown): Error | undefined {
  try {
    const said = check();
    return said ? asError(said) : undefined;
  } catch (thrown) {
    return asError(thrown);
  }
}

/** Whom the certificate must name, and what the server is told (RFC 6066 section 3: a DNS name, without the last dot). */
function namesOf({ servername: asked, rejectUnauthorized }: TlsClientOptions, { to }: Dial): { name?: string; servername: string } {
  // An empty servername tells the server nothing, as in Node; what is checked is the target then.
  const target = to && 'host' in to ? to.host : '';
  const given = asked === undefined || asked === '' ? target : asked;
  if (given === '' && rejectUnauthorized === false) return { servername: '' };
  if (given === '')
    throw new TypeError('tlsClient: expected a name to check the certificate against, got none: give `servername`, or dial a host');
  const name = (/^[\0-\x7f]*$/.test(given) ? given : domainToASCII(given)).replace(/\.$/, '');
  if (name === '' || !isClean(name))
    throw new TypeError(`tlsClient: expected ${asked ? '`servername`' : 'the host'} to be a name or address, got ${JSON.stringify(given)}`);
  return { name, servername: asked === '' || isIP(name) ? '' : name };
}
