import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { certificateInSession } from '../../protocol/tls-session.ts';
import type { TlsFacts, TlsPeer } from './tls-options.ts';
import { pskIdentityOf } from './tls-psk.ts';
import { isNode, RUNTIME } from './tls-runtime.ts';

/** The certificates that a peer has sent. */
export type Shown = Pick<TlsPeer, 'x509' | 'certificate'>;

/** Returns the facts of a completed handshake. */
export function factsOf(socket: TLSSocket, problem: Error | 'unasked' | undefined): Omit<TlsFacts, 'x509' | 'session'> {
  // The name requested by SNI; false or null if there is none.
  const { servername } = socket as { servername?: string | false | null };
  const pskIdentity = pskIdentityOf(socket);
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    alpnProtocol: socket.alpnProtocol,
    servername: servername === false ? undefined : (servername ?? undefined),
    reused: socket.isSessionReused(),
    authorized: problem === undefined,
    ...(problem instanceof Error ? { authorizationError: (problem as NodeJS.ErrnoException).code ?? problem.message } : {}),
    ...(pskIdentity === undefined ? {} : { pskIdentity }),
  };
}

/** The Node objects of an open TLS connection. */
export interface NodeTls {
  readonly socket: TLSSocket;
  readonly shown: Shown;
}

const NODE_TLS = new WeakMap<object, NodeTls>();

/** Stores the Node objects for these details, which themselves hold plain facts only. */
export function keepNodeTls(details: object, tls: NodeTls): void {
  NODE_TLS.set(details, tls);
}

/** Returns the Node objects for these details; undefined if the layer is not TLS. */
export function nodeTlsOf(details: object | undefined): NodeTls | undefined {
  return details && NODE_TLS.get(details);
}

export const NOTHING: Shown = { x509: undefined, certificate: undefined };

export function shownBy(socket: TLSSocket): Shown | undefined {
  // Without a certificate Node returns an empty object, Bun null. Node's getPeerX509Certificate would make the certificate unavailable to
  // later calls.
  const certificate = socket.getPeerCertificate(true) as TlsPeer['certificate'] | null;
  return ArrayBuffer.isView(certificate?.raw) ? { x509: new X509Certificate(certificate.raw), certificate } : undefined;
}

/** The peer's certificates from the handshake that created a session. */
const shownWith = new WeakMap<Uint8Array, Shown>();

/** Stores the peer's certificates of the connection that created a session. */
export function rememberShown(session: Uint8Array, shown: Shown): void {
  shownWith.set(session, shown);
}

/**
 * Returns the peer's certificates from the handshake that created a session. A Node client cannot read them in a resumed connection.
 * As a fallback, the session itself holds the certificate without its issuers.
 */
export function shownInSession(session: Uint8Array): Shown {
  const shown = shownWith.get(session);
  if (shown) return shown;
  const der = certificateInSession(session);
  if (!der) return NOTHING;
  const x509 = new X509Certificate(der);
  return { x509, certificate: x509.toLegacyObject() as TlsPeer['certificate'] };
}

/** Where a runtime reports its verification result. Runtimes do not reliably keep to the types. */
interface Verdict {
  readonly authorized?: unknown;
  readonly authorizationError?: unknown;
  readonly _handle?: { verifyError?(): unknown };
}

/**
 * Returns the problem with the peer's certificate and its issuers. Only an explicit success reported by the runtime counts as none.
 * Clients read `authorized`. Servers read the OpenSSL result, because Node sets `authorized` only for sockets of its own tls.Server.
 * In other runtimes an empty result has no meaning.
 */
export function chainProblem(socket: TLSSocket): Error | undefined {
  const { authorized, authorizationError, _handle } = socket as unknown as Verdict;
  const verdict = _handle?.verifyError?.();
  if (authorized === true || (isNode && verdict === null)) return undefined;
  if (verdict instanceof Error) return verdict;
  const reported = authorizationError ?? verdict;
  if (reported instanceof Error) return reported;
  if (typeof reported === 'string' && reported !== '') return Object.assign(new Error(reported), { code: reported });
  return new Error(
    `the certificate of the peer could not be checked: ${RUNTIME} does not report whether it verified it; use Node for this side of the connection`,
  );
}
