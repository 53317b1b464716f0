import type { TLSSocket } from 'node:tls';
import type { TlsPeer } from './tls-options.ts';

/** The Node objects of an open TLS connection. */
export interface NodeTls extends Pick<TlsPeer, 'certificate'> {
  readonly socket: TLSSocket;
}

const byDetails = new WeakMap<object, NodeTls>();

/** Stores the Node objects for these details, which themselves hold plain facts only. */
export function storeNodeTls(details: object, tls: NodeTls): void {
  byDetails.set(details, tls);
}

/** Returns the Node objects for these details; undefined if the layer is not TLS. */
export function nodeTlsOf(details: object | undefined): NodeTls | undefined {
  return details && byDetails.get(details);
}
