import { X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { certificateInSession } from '../../protocol/tls-session.ts';
import type { TlsPeer } from './tls-options.ts';
import { isNode } from './tls-runtime.ts';

/** The certificate that a peer has sent, in the two formats of Node. */
export type PeerCertificates = Pick<TlsPeer, 'x509' | 'certificate'>;

const NO_CERTIFICATES: PeerCertificates = { x509: undefined, certificate: undefined };

/**
 * Returns the certificates of the peer after the handshake.
 *
 * @param offered the session offered to the peer. A Node client cannot read the certificates of a resumed connection.
 */
export function peerCertificates(socket: TLSSocket, offered: Uint8Array | undefined): PeerCertificates {
  // Without a certificate Node returns an empty object, Bun null. Node's getPeerX509Certificate would make the certificate unavailable to
  // later calls.
  const certificate = (takeReadCertificate(socket) ?? socket.getPeerCertificate(true)) as TlsPeer['certificate'] | null;
  if (ArrayBuffer.isView(certificate?.raw)) return parsedLater(certificate, certificate.raw);
  return offered && socket.isSessionReused() ? certificatesOfSession(offered) : NO_CERTIFICATES;
}

/** Parses the certificate when `x509` is read first. Parsing takes as long as a tenth of a handshake. */
function parsedLater(certificate: NonNullable<TlsPeer['certificate']>, raw: Uint8Array): PeerCertificates {
  let x509: X509Certificate | undefined;
  return {
    certificate,
    get x509() {
      return (x509 ??= new X509Certificate(raw));
    },
  };
}

/** The certificates that Node has read for its own check, until they are taken. */
const readByNode = new WeakMap<TLSSocket, PeerCertificate>();

/** Keeps the certificate that Node passes to `checkServerIdentity`. Reading it takes as long as a tenth of a handshake. */
export function keepReadCertificate(socket: TLSSocket, certificate: PeerCertificate): undefined {
  readByNode.set(socket, certificate);
}

/** Returns the certificate that Node has read, if it was read with its issuers, as `getPeerCertificate(true)` does. */
function takeReadCertificate(socket: TLSSocket): TlsPeer['certificate'] {
  const certificate = readByNode.get(socket);
  readByNode.delete(socket);
  const isDetailed = isNode && certificate !== undefined && 'issuerCertificate' in certificate;
  return isDetailed ? (certificate as TlsPeer['certificate']) : undefined;
}

/** The peer's certificates from the handshake that created a session. */
const ofSession = new WeakMap<Uint8Array, PeerCertificates>();

/** Stores the peer's certificates from the handshake that created a session. */
export function rememberCertificates(session: Uint8Array, certificates: PeerCertificates): void {
  ofSession.set(session, certificates);
}

/** Returns the remembered certificates. As a fallback, the session itself holds the certificate without its issuers. */
function certificatesOfSession(session: Uint8Array): PeerCertificates {
  const remembered = ofSession.get(session);
  if (remembered) return remembered;
  const der = certificateInSession(session);
  if (!der) return NO_CERTIFICATES;
  const x509 = new X509Certificate(der);
  return { x509, certificate: x509.toLegacyObject() as TlsPeer['certificate'] };
}
