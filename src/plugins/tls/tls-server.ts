import { constants } from 'node:crypto';
import { TLSSocket, type SecureContextOptions, type TLSSocketOptions, type TlsOptions as NodeServerOptions } from 'node:tls';
import { ownOptions } from '../../util/own-options.ts';
import { layer } from '../../wire/layer.ts';
import { isNodeStream } from '../../wire/node-stream-wires.ts';
import type { Plugin } from '../../wire/signal.ts';
import { chainProblem } from './chain-problem.ts';
import { checkTlsOptions } from './check-tls-options.ts';
import { keylogListener } from './keylog-listener.ts';
import { tlsContexts } from './tls-contexts.ts';
import { TlsLayer } from './tls-layer.ts';
import { SERVER_OPTIONS } from './tls-option-rules.ts';
import type { TlsFacts, TlsOptions } from './tls-options.ts';
import { markTls } from './tls-plugins.ts';
import { pskIdentityOf, recordServer, withPsk } from './tls-psk.ts';
import type { TlsRole } from './tls-role.ts';
import { checkRuntime } from './tls-runtime.ts';
import { UNSET_OPTIONS } from './unset-options.ts';

type NodeOptions = Pick<TLSSocketOptions, 'ALPNProtocols' | 'requestCert' | 'rejectUnauthorized' | 'SNICallback'> &
  Pick<NodeServerOptions, 'ALPNCallback' | 'pskCallback' | 'pskIdentityHint'>;

/**
 * The options of a TLS server: those of `new tls.TLSSocket` and `tls.createServer` with the same meanings, plus {@link TlsOptions}.
 * Unlike there, `rejectUnauthorized` is true by default.
 *
 * With `pskCallback` clients may prove a shared key instead of a certificate. Then `authorized` is true, `pskIdentity` is the identity
 * of the key, and sessions are not resumed. TLS 1.2 also needs suitable `ciphers` for it.
 */
export interface TlsServerOptions extends Readonly<SecureContextOptions>, Readonly<NodeOptions>, TlsOptions {}

/**
 * Speaks TLS as a server, on any wire: an accepted socket, one end of a pair. The counterpart of {@link tlsClient}, with the same
 * signals, errors and limits.
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
 * `secureContext` may be an Observable, to change certificates at runtime. Each new connection uses the newest valid context. It is
 * subscribed once while connections exist, so use one that replays its last value (`BehaviorSubject`, `shareReplay`). A connection
 * before the first value waits for it, within the handshake timeout.
 *
 * **Errors**
 * - ETLSCERT: with `requestCert`, if the client sends no certificate or one that is not accepted, unless `rejectUnauthorized` is
 *   false. `authorized` and `x509` hold the result. `verify` is called in any case.
 * - A client of TLS 1.2 without a certificate sees its handshake fail. One of TLS 1.3 connects first and receives the alert (116)
 *   later.
 * - If `secureContext` errors, completes or emits an invalid value, the last valid context stays in use. New connections report the
 *   problem in `details.<name>.secureContextError`. Without a valid context they fail with ETLS and the `cause`.
 *
 * **Closing, Backpressure, Memory**: as for {@link tlsClient}.
 *
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { listen, tlsServer } from 'rxjs-io-stream';
 *
 * const ssl = tlsServer({ key: readFileSync('key.pem'), cert: readFileSync('cert.pem') });
 * listen({ port: 7443, plugin: { ssl } }, (io) => io.send(io)).subscribe({ error: console.error });
 * ```
 *
 * @param options as for `new tls.TLSSocket`, and `verify`, `truncation`, `secureContext`; read once. Requires one of `key` with
 *   `cert`, `pfx`, `secureContext`, `SNICallback` and `pskCallback`. `SNICallback` may choose another context by name.
 * @throws TypeError that names an invalid option.
 * @throws IOStreamError with ETLS on an unsupported runtime: Bun; `requestCert` and `pskCallback` on Deno.
 * @see {@link tlsClient}
 */
export function tlsServer(options: TlsServerOptions): Plugin<TlsFacts> {
  const checked = checkTlsOptions('tlsServer', options, SERVER_OPTIONS);
  if (['cert', 'pfx', 'secureContext', 'SNICallback', 'pskCallback'].every((name) => !Object.hasOwn(checked, name)))
    throw new TypeError('tlsServer: expected `key` and `cert`, `pfx`, `secureContext`, `SNICallback` or `pskCallback`, got none of them');
  const {
    verify,
    truncation,
    keylog,
    requestCert = false,
    rejectUnauthorized = true,
    secureContext: _,
    pskCallback,
    ...nodeOptions
  } = checked;
  checkRuntime('tlsServer', { pskCallback, verifiesClients: requestCert && rejectUnauthorized });
  // A ticket resumes without calling the callback: a client could send one identity and resume the session of another.
  const noTickets = pskCallback ? constants.SSL_OP_NO_TICKET : 0;
  const role: TlsRole = {
    peer: 'client',
    verify,
    truncation,
    // Without a session id context, OpenSSL refuses to resume sessions with a client certificate.
    contexts: tlsContexts('tlsServer', ownOptions({ sessionIdContext: 'rxjs-io-stream', ...checked }, 'tlsServer'), noTickets),
    rejectUnauthorized,
    secureEvent: 'secure',
    keylog: keylogListener(keylog),
    start: (transport, secureContext) =>
      withPsk(pskCallback, recordServer, (psk) => {
        const own = { requestCert, rejectUnauthorized, secureContext, pskCallback: psk, isServer: true };
        // Node's types omit the `createServer` options that TLSSocket accepts.
        return new TLSSocket(transport, { ...UNSET_OPTIONS, ...nodeOptions, ...own });
      }),
    certificateProblem: (socket, { certificate }) => {
      const hasKey = pskIdentityOf(socket) !== undefined;
      if (!requestCert) return hasKey ? undefined : 'not requested';
      return chainProblem(socket) ?? (certificate || hasKey ? undefined : new Error('the client has sent no certificate'));
    },
  };
  return markTls((wire) => (dial) => layer(wire, dial, (ports) => new TlsLayer(role, ports, isNodeStream(wire))));
}
