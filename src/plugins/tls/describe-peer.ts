import type { TLSSocket } from 'node:tls';
import { storeNodeTls } from './node-tls.ts';
import type { TlsPeer } from './tls-options.ts';
import type { TlsResumption } from './tls-resumption.ts';

/** Adds the facts of an accepted peer to the details of its connection. */
export function describePeer(details: object, peer: TlsPeer, socket: TLSSocket, resumption: TlsResumption): void {
  // `x509` stays a getter: the certificate is parsed when it is read.
  const { certificate, ...facts } = Object.getOwnPropertyDescriptors(peer);
  Object.defineProperties(details, facts);
  // Not enumerable: it holds a secret.
  Object.defineProperty(details, 'session', { get: () => resumption.newest ?? (peer.reused ? resumption.offered : undefined) });
  storeNodeTls(details, { socket, certificate: certificate.value });
}
