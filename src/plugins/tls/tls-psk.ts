import type { PSKCallbackNegotation, TLSSocket } from 'node:tls';

/** Returns the identity and key of a client, for the server's hint, as in `tls.connect`. */
export type PskClientCallback = (hint: string | null) => PSKCallbackNegotation | null;

/** Returns the key for a client's identity, as in `tls.createServer`. */
export type PskServerCallback = (socket: TLSSocket, identity: string) => DataView | NodeJS.TypedArray | null;

/** The identity whose key the callback returned last, in one handshake. */
interface Exchange {
  identity?: string | undefined;
}

const exchanges = new WeakMap<TLSSocket, Exchange>();

/**
 * Starts Node's TLS with a callback for pre-shared keys (RFC 4279, RFC 8446 section 4.2.11) that records the identity.
 *
 * @param start starts TLS with a `pskCallback`.
 */
export function withPsk<C extends PskClientCallback | PskServerCallback>(
  callback: C | undefined,
  record: (callback: C, given: (identity: string | undefined) => void) => C,
  start: (callback: C | undefined) => TLSSocket,
): TLSSocket {
  if (!callback) return start(undefined);
  const exchange: Exchange = {};
  const socket = start(record(callback, (identity) => (exchange.identity = identity)));
  exchanges.set(socket, exchange);
  return socket;
}

export function recordClient(callback: PskClientCallback, given: (identity: string | undefined) => void): PskClientCallback {
  return (hint) => {
    const answer = callback(hint);
    given(answer?.identity);
    return answer;
  };
}

export function recordServer(callback: PskServerCallback, given: (identity: string | undefined) => void): PskServerCallback {
  return (socket, identity) => {
    const key = callback(socket, identity);
    given(key ? identity : undefined);
    return key;
  };
}

/**
 * Returns the identity whose key both sides have proven; `undefined` if the handshake used no pre-shared key. TLS 1.3 reports a
 * pre-shared key as a resumed session, and real sessions are not resumed with a callback. TLS 1.2 has its own cipher suites for it.
 */
export function pskIdentityOf(socket: TLSSocket): string | undefined {
  const identity = exchanges.get(socket)?.identity;
  const isUsed = socket.getProtocol() === 'TLSv1.3' ? socket.isSessionReused() : /(^|-)PSK-/.test(socket.getCipher().name);
  return isUsed ? identity : undefined;
}
