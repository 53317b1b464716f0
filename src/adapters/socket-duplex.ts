import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CipherNameAndProtocol, TLSSocket } from 'node:tls';

/** The members of `tls.TLSSocket` that a {@link SocketDuplex} has only with TLS. */
type OfTls =
  | 'exportKeyingMaterial'
  | 'getCertificate'
  | 'getEphemeralKeyInfo'
  | 'getFinished'
  | 'getPeerCertificate'
  | 'getPeerFinished'
  | 'getPeerX509Certificate'
  | 'getProtocol'
  | 'getSession'
  | 'getSharedSigalgs'
  | 'getTLSTicket'
  | 'getX509Certificate'
  | 'isSessionReused';

/** A Node `Duplex` over an `IOStream`, with the socket members that libraries use. They work as in `net.Socket` and `tls.TLSSocket`. */
export interface SocketDuplex extends Duplex, Partial<Pick<TLSSocket, OfTls>> {
  /** Whether the stack, except a topmost TLS, is still connecting. `'connect'` and `'ready'` are emitted when that is done. */
  readonly connecting: boolean;
  /** Whether the Duplex cannot carry bytes: it is still connecting, or destroyed. */
  readonly pending: boolean;
  /** Which directions are usable; `'opening'` while `connecting`. */
  readonly readyState: 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed';
  /** Bytes received so far: `inBytes` of the stream. */
  readonly bytesRead: number;
  /** Bytes written to the wire so far: `outBytes` of the stream. */
  readonly bytesWritten: number;
  /** The peer's address. Undefined without a TCP connection. With a proxy it is that of the proxy. */
  readonly remoteAddress: string | undefined;
  /** The peer's port. Undefined without a TCP connection. */
  readonly remotePort: number | undefined;
  /** `'IPv4'` or `'IPv6'`, the family of `remoteAddress`. */
  readonly remoteFamily: string | undefined;
  /** Our own address. Undefined without a TCP connection. */
  readonly localAddress: string | undefined;
  /** Our own port. Undefined without a TCP connection. */
  readonly localPort: number | undefined;
  /** `'IPv4'` or `'IPv6'`, the family of `localAddress`. */
  readonly localFamily: string | undefined;
  /** The argument of the last `setTimeout`, in milliseconds. */
  readonly timeout: number | undefined;

  /** Whether the connection with the peer uses TLS. TLS that ends at a proxy does not count. Undefined without TLS. */
  readonly encrypted?: boolean;
  /** Whether the stack, TLS included, is still connecting. `'secureConnect'` is emitted when that is done. */
  readonly secureConnecting?: boolean;
  /** Whether Node and `verify` have accepted the peer's certificate or key. False before the handshake, undefined without TLS. */
  readonly authorized?: boolean;
  /** Why the certificate was not accepted, if `rejectUnauthorized` is false. Null if it was; undefined without TLS. */
  readonly authorizationError?: string | null;
  /** The protocol negotiated by ALPN. False if there is none, null before the handshake, undefined without TLS. */
  readonly alpnProtocol?: string | false | null | undefined;
  /** The name that the client requested by SNI. False if there is none, null before the handshake, undefined without TLS. */
  readonly servername?: string | false | null;
  /** Returns undefined when there is no connection. */
  getCipher?(): CipherNameAndProtocol | undefined;

  /**
   * Emits `'connect'`, and calls the callback, when the stream is open. A socket of `dialer().socket()` dials, with the arguments of
   * `net.connect`; any other opens no connection, and ignores them. A second call on an open stream destroys it with EISCONN, as in
   * Node.
   *
   * @throws TypeError for a wrong target; nothing is dialled then. IOStreamError ECLOSED after `'close'`, because the connection cannot be reopened.
   */
  connect(...args: unknown[]): this;
  /** Returns our own address, port and family; an empty object without a TCP connection. */
  address(): AddressInfo | Record<string, never>;
  /** Emits `'timeout'` after `ms` milliseconds without a byte read or written; 0 turns it off. Does not close the connection. */
  setTimeout(ms: number, callback?: () => void): this;
  /** Sets whether small packets are sent at once. Default true. Applied when the connection is open, if it is not yet. */
  setNoDelay(noDelay?: boolean): this;
  /** Sets whether the kernel probes an idle peer (default false), and the delay before the first probe in milliseconds (default 0). */
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  /** Makes the connection keep the process alive again. */
  ref(): this;
  /** Stops the connection from keeping the process alive. */
  unref(): this;
  /** Ends the Duplex, and destroys it when all bytes are written. */
  destroySoon(): void;
  /** Resets the connection (RST). */
  resetAndDestroy(): this;
}
