import type { TLSSocket } from 'node:tls';
import { storeNodeTls } from './node-tls.ts';
import type { TlsPeer } from './tls-options.ts';
import type { TlsResumption } from './tls-resumption.ts';

/** Adds the facts of an accepted peer to the details of its connection. */
export function describePeer(details: object, { certificate, ...facts }: TlsPeer, socket: TLSSocket, resumption: TlsResumption): void {
  Object.assign(details, facts);
  // Not enumerable: it holds a secret.
  Object.defineProperty(details, 'session', { get: () => resumption.newest ?? (facts.reused ? resumption.offered : undefined) });
  storeNodeTls(details, { socket, certificate });
}
