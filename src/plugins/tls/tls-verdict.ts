import type { TLSSocket } from 'node:tls';
import { filter, from, map, of, take, throwIfEmpty, type Observable } from 'rxjs';
import { peerCertificates, type PeerCertificates } from './peer-certificates.ts';
import type { TlsFacts } from './tls-options.ts';
import { pskIdentityOf } from './tls-psk.ts';
import type { CertificateProblem, TlsRole } from './tls-role.ts';

/** A peer that has been accepted. Its certificates are apart: the getter of `x509` parses one. */
export interface AcceptedPeer {
  readonly facts: Omit<TlsFacts, 'x509' | 'session'>;
  readonly certificates: PeerCertificates;
}

/**
 * Decides whether the peer of a completed handshake is accepted. Returns the peer, or emits it once `verify` has accepted it.
 *
 * ```text
 *   certificateProblem ── an error, with rejectUnauthorized ──▶ throws it
 *           └─▶ verify ── true ──▶ the peer
 *                  └── any other value, no value, a throw, an error ──▶ error
 * ```
 *
 * @param offered the session offered to the peer.
 * @throws why the peer is refused.
 */
export function tlsVerdict(role: TlsRole, socket: TLSSocket, offered: Uint8Array | undefined): AcceptedPeer | Observable<AcceptedPeer> {
  const { rejectUnauthorized, verify } = role;
  const certificates = peerCertificates(socket, offered);
  const problem = role.certificateProblem(socket, certificates);
  if (rejectUnauthorized && problem instanceof Error) throw problem;
  const peer = { facts: factsOf(socket, problem), certificates };
  if (!verify) return peer;
  const answer = verify({ ...peer.facts, certificate: certificates.certificate, x509: certificates.x509 });
  return from(typeof answer === 'boolean' ? of(answer) : answer).pipe(
    take(1),
    // Plain JavaScript may return any value.
    filter((accepted: unknown) => accepted === true),
    throwIfEmpty(() => new Error('verify did not accept the peer')),
    map(() => peer),
  );
}

function factsOf(socket: TLSSocket, problem: CertificateProblem | undefined): AcceptedPeer['facts'] {
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
