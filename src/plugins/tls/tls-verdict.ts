import type { TLSSocket } from 'node:tls';
import { defer, filter, from, map, of, take, throwIfEmpty, type Observable } from 'rxjs';
import { peerCertificates } from './peer-certificates.ts';
import type { TlsFacts, TlsPeer } from './tls-options.ts';
import { pskIdentityOf } from './tls-psk.ts';
import type { CertificateProblem, TlsRole } from './tls-role.ts';

/**
 * Decides whether the peer of a completed handshake is accepted. Emits the peer once if it is, otherwise errors with the reason.
 *
 * ```text
 *   certificateProblem ── an error, with rejectUnauthorized ──▶ error
 *           └─▶ verify ── true ──▶ the peer
 *                  └── any other value, no value, a throw, an error ──▶ error
 * ```
 *
 * @param offered the session offered to the peer.
 */
export function tlsVerdict(role: TlsRole, socket: TLSSocket, offered: Uint8Array | undefined): Observable<TlsPeer> {
  const { rejectUnauthorized, verify } = role;
  return defer(() => {
    const certificates = peerCertificates(socket, offered);
    const problem = role.certificateProblem(socket, certificates);
    if (rejectUnauthorized && problem instanceof Error) throw problem;
    const peer: TlsPeer = {
      ...factsOf(socket, problem),
      certificate: certificates.certificate,
      // Not spread: a certificate is parsed when it is read.
      get x509() {
        return certificates.x509;
      },
    };
    if (!verify) return of(peer);
    const answer = verify({ ...peer });
    return from(typeof answer === 'boolean' ? of(answer) : answer).pipe(
      take(1),
      // Plain JavaScript may return any value.
      filter((accepted: unknown) => accepted === true),
      throwIfEmpty(() => new Error('verify did not accept the peer')),
      map(() => peer),
    );
  });
}

function factsOf(socket: TLSSocket, problem: CertificateProblem | undefined): Omit<TlsFacts, 'x509' | 'session'> {
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
