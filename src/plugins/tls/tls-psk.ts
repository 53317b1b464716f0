import type { PSKCallbackNegotation, TLSSocket } from 'node:tls';

/** Returns the identity and key of a client, for the server's hint, as in `tls.connect`. */
export type PskClientCallback = (hint: string | null) => PSKCallbackNegotation | null;

/** Returns the key for a client's identity, as in `tls.createServer`. */
export type PskServerCallback = (socket: TLSSocket, identity: string) => DataView | NodeJS.TypedArray | null;

/** The identity whose key the callback returned last, in one handshake. */
interface PskHandshake {
  identity?: string | undefined;
}

/** Called with the identity whose key the callback returned, `undefined` if it returned none. */
type IdentityListener = (identity: string | undefined) => void;

const handshakes = new WeakMap<TLSSocket, PskHandshake>();

/**
 * Starts Node's TLS with a callback for pre-shared keys (RFC 4279, RFC 8446 section 4.2.11) that records the identity.
 *
 * @param record wraps the callback, so that it reports the identities. One of `recordClient` and `recordServer`.
 * @param start starts TLS with a `pskCallback`.
 */
export function withPsk<C extends PskClientCallback | PskServerCallback>(
  callback: C | undefined,
  record: (callback: C, onIdentity: IdentityListener) => C,
  start: (callback: C | undefined) => TLSSocket,
): TLSSocket {
  if (!callback) return start(undefined);
  const handshake: PskHandshake = {};
  const socket = start(record(callback, (identity) => (handshake.identity = identity)));
  handshakes.set(socket, handshake);
  return socket;
}

/** Wraps the callback of a client. */
export function recordClient(callback: PskClientCallback, onIdentity: IdentityListener): PskClientCallback {
  return (hint) => {
    const answer = callback(hint);
    onIdentity(answer?.identity);
    return answer;
  };
}

/** Wraps the callback of a server. */
export function recordServer(callback: PskServerCallback, onIdentity: IdentityListener): PskServerCallback {
  return (socket, identity) => {
    const key = callback(socket, identity);
    onIdentity(key ? identity : undefined);
    return key;
  };
}

/**
 * Returns the identity whose key both sides have proven; `undefined` if the handshake used no pre-shared key. TLS 1.3 reports a
 * pre-shared key as a resumed session, and real sessions are not resumed with a callback. TLS 1.2 has its own cipher suites for it.
 */
export function pskIdentityOf(socket: TLSSocket): string | undefined {
  const identity = handshakes.get(socket)?.identity;
  const isUsed = socket.getProtocol() === 'TLSv1.3' ? socket.isSessionReused() : /(^|-)PSK-/.test(socket.getCipher().name);
  return isUsed ? identity : undefined;
}
