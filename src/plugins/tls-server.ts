import { constants } from 'node:crypto';
import { TLSSocket, type SecureContextOptions, type TLSSocketOptions, type TlsOptions as NodeOptions } from 'node:tls';
import { layer } from '../wire/layer.ts';
import { ownOptions } from '../wire/own-options.ts';
import type { Plugin } from '../wire/signal.ts';
import { contextsOf } from './tls-contexts.ts';
import { TlsLayer, type TlsRole } from './tls-layer.ts';
import { chainProblem } from './tls-peer.ts';
import { checkTls, SERVER_OPTIONS, UNSET, type TlsFacts, type TlsOptions } from './tls-options.ts';
import { markTls } from './tls-plugins.ts';
import { pskIdentityOf, recordServer, withPsk } from './tls-psk.ts';
import { checkRuntime } from './tls-runtime.ts';

type OfNode = Pick<TLSSocketOptions, 'ALPNProtocols' | 'requestCert' | 'rejectUnauthorized' | 'SNICallback'> &
  Pick<NodeOptions, 'ALPNCallback' | 'pskCallback' | 'pskIdentityHint'>;

/**
 * How a server speaks TLS: names and meanings are those of `new tls.TLSSocket` and `tls.createServer`, but `rejectUnauthorized` is
 * true by default; and what {@link TlsOptions} adds.
 */
export interface TlsServerOptions extends Readonly<SecureContextOptions>, Readonly<OfNode>, TlsOptions {}

/**
 * Speaks TLS as a server, over any wire: an accepted socket, one end of a pair. The other side of {@link tlsClient}, with the
 * same signals, errors and limits.
 *
 * ```text
 *   application             tlsServer                wire
 *        │                     │◀──── connected ─────│
 *        │                     │  waits for the first `secureContext`, if it is an Observable
 *        │                     │◀════ handshake ═════│   Node's TLS, then `verify`
 *        │◀──── connected ─────│                     │
 *        │◀═══════ bytes, end and close_notify as in tlsClient ═════▶│
 * ```
 *
 * With `requestCert` the client's certificate is checked, and it errors with ETLSCERT when there is none or it is not accepted,
 * unless `rejectUnauthorized` is false; `authorized` and `x509` of the details say what was found. Without one the client of TLS
 * 1.2 sees its handshake fail; one of TLS 1.3 is connected first and gets the alert (116) later. `verify` is asked in any case.
 *
 * `secureContext` may be an Observable, to change certificates while serving: each new connection takes the newest good context.
 * It is subscribed while there are connections, once for all of them; so give one that replays its last value (`BehaviorSubject`,
 * `shareReplay`). When it errors, completes or gives what OpenSSL cannot use, the last good context serves on, and each new
 * connection says why in `details.<name>.secureContextError`. A connection that comes before the first value waits for it, within
 * the deadline of the handshake; when there never was a good one it fails with ETLS, and `cause` says why.
 *
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { listen, tlsServer } from 'rxjs-io-stream';
 *
 * const ssl = tlsServer({ key: readFileSync('key.pem'), cert: readFileSync('cert.pem') });
 * listen({ port: 7443, plugin: { ssl } }, (io) => io.send(io)).subscribe({ error: console.error });
 * ```
 *
 * With `pskCallback` clients may prove that they have a key instead (under TLS 1.2 the `ciphers` must allow it): then `authorized`
 * is true, and `pskIdentity` of the details is the identity of the key. Sessions are not resumed then.
 *
 * @param options as for `new tls.TLSSocket`, and `verify`, `truncation`, `secureContext`; read once. One of `key` with `cert`,
 *   `pfx`, `secureContext`, `SNICallback` and `pskCallback` must be there. `SNICallback` may choose another context by name.
 * @throws TypeError that names the option, when one cannot be used.
 * @throws IOStreamError with ETLS, on a runtime whose TLS cannot do it: Bun; `requestCert` and `pskCallback` on Deno.
 * @see tlsClient
 */
export function tlsServer(options: TlsServerOptions): Plugin<TlsFacts> {
  const given = checkTls('tlsServer', options, SERVER_OPTIONS);
  if (['cert', 'pfx', 'secureContext', 'SNICallback', 'pskCallback'].every((name) => !Object.hasOwn(given, name)))
    throw new TypeError('tlsServer: expected `key` and `cert`, `pfx`, `secureContext`, `SNICallback` or `pskCallback`, got none of them');
  const { verify, truncation, requestCert = false, rejectUnauthorized = true, secureContext: _, pskCallback, ...rest } = given;
  checkRuntime('tlsServer', { pskCallback, verifiesClients: requestCert && rejectUnauthorized });
  // A ticket resumes without asking the callback: a client could name one identity and resume the session of another.
  const noTickets = pskCallback ? constants.SSL_OP_NO_TICKET : 0;
  const role: TlsRole = {
    peer: 'client',
    verify,
    truncation,
    // Without a name for them OpenSSL refuses to resume sessions in which the client has shown a certificate.
    contexts: contextsOf('tlsServer', ownOptions({ sessionIdContext: 'rxjs-io-stream', ...given }, 'tlsServer'), noTickets),
    rejectUnauthorized,
    through: 'secure',
    start: (transport, secureContext) =>
      withPsk(pskCallback, recordServer, (psk) => {
        const ours = { requestCert, rejectUnauthorized, secureContext, pskCallback: psk, isServer: true };
        // The types of Node do not know that a TLSSocket takes what `createServer` does.
        return new TLSSocket(transport, { ...UNSET, ...rest, ...ours });
      }),
    problem: (socket, { certificate }) => {
      const hasKey = pskIdentityOf(socket) !== undefined;
      if (!requestCert) return hasKey ? undefined : 'unasked';
      return chainProblem(socket) ?? (certificate || hasKey ? undefined : new Error('the client has shown no certificate'));
    },
  };
  return markTls((wire) => (dial) => layer(wire, dial, (ports) => new TlsLayer(role, ports)));
}
