import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { certificateInSession } from '../protocol/tls-session.ts';
import type { TlsFacts, TlsPeer } from './tls-options.ts';
import { pskIdentityOf } from './tls-psk.ts';
import { isNode, RUNTIME } from './tls-runtime.ts';

/** What a peer has shown of itself. */
export type Shown = Pick<TlsPeer, 'x509' | 'certificate'>;

/** What a handshake has led to. */
export function factsOf(socket: TLSSocket, problem: Error | 'unasked' | undefined): Omit<TlsFacts, 'x509' | 'session'> {
  // What was asked for by SNI; false or null where nothing was.
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

/** The TLS of an open connection, as Node sees it. */
export interface NodeTls {
  readonly socket: TLSSocket;
  readonly shown: Shown;
}

const NODE_TLS = new WeakMap<object, NodeTls>();

/** Keeps what Node knows of a connection beside its details, which hold plain facts only. */
export function keepNodeTls(details: object, tls: NodeTls): void {
  NODE_TLS.set(details, tls);
}

/** Finds what Node knows of the connection that these are the details of; undefined if its layer is no TLS. */
export function nodeTlsOf(details: object | undefined): NodeTls | undefined {
  return details && NODE_TLS.get(details);
}

export const NOTHING: Shown = { x509: undefined, certificate: undefined };

export function shownBy(socket: TLSSocket): Shown | undefined {
  // Without one Node gives an empty object, Bun null. Node's getPeerX509Certificate would take the certificate out of what can be
  // asked later.
  const certificate = socket.getPeerCertificate(true) as TlsPeer['certificate'] | null;
  return ArrayBuffer.isView(certificate?.raw) ? { x509: new X509Certificate(certificate.raw), certificate } : undefined;
}

/** What the peer showed when a session was made. */
const shownWith = new WeakMap<Uint8Array, Shown>();

/** Remembers what the peer has shown in the connection that made a session. */
export function rememberShown(session: Uint8Array, shown: Shown): void {
  shownWith.set(session, shown);
}

/**
 * What the peer showed when a session was made: Node's clients cannot ask about a resumed one. The session itself holds the
 * certificate, without its issuers.
 */
export function shownInSession(session: Uint8Array): Shown {
  const shown = shownWith.get(session);
  if (shown) return shown;
  const der = certificateInSession(session);
  if (!der) return NOTHING;
  const x509 = new X509Certificate(der);
  return { x509, certificate: x509.toLegacyObject() as TlsPeer['certificate'] };
}

/** Where a runtime reports what it found; of a type that no runtime is sure to keep to. */
interface Verdict {
  readonly authorized?: unknown;
  readonly authorizationError?: unknown;
  readonly _handle?: { verifyError?(): unknown };
}

/**
 * What was found wrong with the peer's certificate and its issuers. Only an explicit "verified" of the runtime is none:
 * `authorized` of clients; of servers, OpenSSL's verdict, since Node sets `authorized` only for sockets of its own tls.Server. Other
 * runtimes have stand-ins for that verdict that mean nothing when they report nothing.
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
