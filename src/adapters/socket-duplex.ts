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
  readonly pending: boolean;
  readonly readyState: 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed';
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: string | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly localFamily: string | undefined;
  /** The argument of the last `setTimeout`, in milliseconds. */
  readonly timeout: number | undefined;

  /** Whether the connection with the peer uses TLS. TLS that ends at a proxy does not count. Undefined without TLS. */
  readonly encrypted?: boolean;
  /** Whether the stack, TLS included, is still connecting. `'secureConnect'` is emitted when that is done. */
  readonly secureConnecting?: boolean;
  readonly authorized?: boolean;
  readonly authorizationError?: string | null;
  /** The protocol negotiated by ALPN. False if there is none, null before the handshake, undefined without TLS. */
  readonly alpnProtocol?: string | false | null | undefined;
  readonly servername?: string | false | null;
  /** Returns undefined when there is no connection. */
  getCipher?(): CipherNameAndProtocol | undefined;

  /**
   * Emits `'connect'`, and calls the callback, when the stream is open. Does not open a connection: all other arguments are ignored.
   * A second call on an open stream destroys it with EISCONN, as in Node.
   *
   * @throws IOStreamError ECLOSED after `'close'`, because the connection cannot be reopened.
   */
  connect(...args: unknown[]): this;
  address(): AddressInfo | Record<string, never>;
  /** Emits `'timeout'` after `ms` milliseconds without a byte read or written; 0 turns it off. Does not close the connection. */
  setTimeout(ms: number, callback?: () => void): this;
  setNoDelay(noDelay?: boolean): this;
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  ref(): this;
  unref(): this;
  /** Ends the Duplex, and destroys it when all bytes are written. */
  destroySoon(): void;
  /** Resets the connection (RST). */
  resetAndDestroy(): this;
}
