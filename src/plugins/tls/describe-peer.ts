import type { TLSSocket } from 'node:tls';
import type { LayerDetails } from '../../wire/signal.ts';
import type { TlsFacts } from './tls-options.ts';
import { storeNodeTls } from './node-tls.ts';
import type { TlsResumption } from './tls-resumption.ts';
import type { AcceptedPeer } from './tls-verdict.ts';

/** The details of a TLS layer. */
export interface TlsDetails extends TlsFacts, LayerDetails {
  readonly layer: string | undefined;
  /** Set if the peer has ended without close_notify. */
  truncated?: true;
  /** Why the newest value of `secureContext` was not used. */
  secureContextError?: unknown;
}

/** Creates the details of a layer with an accepted peer. */
export function describePeer(layer: string | undefined, peer: AcceptedPeer, socket: TLSSocket, resumption: TlsResumption): TlsDetails {
  const { facts, certificates } = peer;
  const details: TlsDetails = {
    layer,
    ...facts,
    // A getter: the certificate is parsed when it is read.
    get x509() {
      return certificates.x509;
    },
    get session() {
      return resumption.newest ?? (facts.reused ? resumption.offered : undefined);
    },
  };
  // It holds a secret.
  Object.defineProperty(details, 'session', HIDDEN);
  storeNodeTls(details, { socket, certificate: certificates.certificate });
  return details;
}

const HIDDEN: PropertyDescriptor = { enumerable: false };
