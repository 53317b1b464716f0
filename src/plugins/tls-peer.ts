import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { TlsFacts, TlsPeer } from './tls-options.ts';

/** What a peer has shown of itself. */
export type Shown = Pick<TlsPeer, 'x509' | 'certificate'>;

/** What a handshake has led to. */
export function factsOf(socket: TLSSocket, problem: Error | 'unasked' | undefined): Omit<TlsFacts, 'x509'> {
  // What was asked for by SNI; false or null where nothing was.
  const { servername } = socket as { servername?: string | false | null };
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    alpnProtocol: socket.alpnProtocol,
    servername: servername === false ? undefined : (servername ?? undefined),
    reused: socket.isSessionReused(),
    authorized: problem === undefined,
    ...(problem instanceof Error ? { authorizationError: (problem as NodeJS.ErrnoException).code ?? problem.message } : {}),
  };
}

export const NOTHING: Shown = { x509: undefined, certificate: undefined };

export function shownBy(socket: TLSSocket): Shown | undefined {
  const certificate = socket.getPeerCertificate(true);
  // Without one Node gives an empty object. Its getPeerX509Certificate would take the certificate out of what can be asked later.
  return Buffer.isBuffer(certificate.raw) ? { x509: new X509Certificate(certificate.raw), certificate } : undefined;
}

/**
 * What OpenSSL found wrong with the peer's certificate and its issuers. Node tells it to clients, and to sockets that its own
 * tls.Server accepted; others have to ask as these do. What cannot be asked is refused.
 */
export function chainProblem(socket: TLSSocket): Error | undefined {
  const { _handle: handle } = socket as { _handle?: { verifyError?: () => Error | null } };
  return handle?.verifyError ? (handle.verifyError() ?? undefined) : new Error('the certificate of the peer could not be checked');
}
