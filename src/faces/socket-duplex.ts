import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CipherNameAndProtocol, TLSSocket } from 'node:tls';

/** The members of `tls.TLSSocket` that a {@link SocketDuplex} has with TLS, and lacks without. */
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

/** A stream of Node over an `IOStream`, with what libraries call on a socket. Names and meanings are those of `net.Socket` and `tls.TLSSocket`. */
export interface SocketDuplex extends Duplex, Partial<Pick<TLSSocket, OfTls>> {
  /** Whether the stack below a topmost TLS is still being connected; `'connect'` and `'ready'` report the end of that. */
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
  /** What `setTimeout` was called with last, in milliseconds. */
  readonly timeout: number | undefined;

  /** Whether the bytes of the library go into TLS with the peer; a TLS with a proxy below does not count. Undefined without TLS. */
  readonly encrypted?: boolean;
  /** Whether the stack, TLS included, is still being connected; `'secureConnect'` reports the end of that. */
  readonly secureConnecting?: boolean;
  readonly authorized?: boolean;
  readonly authorizationError?: string | null;
  /** The protocol agreed on by ALPN; false if none was, null before the handshake, undefined without TLS. */
  readonly alpnProtocol?: string | false | null | undefined;
  readonly servername?: string | false | null;
  /** Undefined when there is no connection. */
  getCipher?(): CipherNameAndProtocol | undefined;

  /**
   * Calls back, and emits `'connect'`, when the stream is open. Opens nothing: the arguments before the callback are ignored.
   * A second call on an open stream is the error EISCONN, as in Node.
   *
   * @throws IOStreamError ECLOSED after `'close'`: the connection cannot be opened again.
   */
  connect(...args: unknown[]): this;
  address(): AddressInfo | Record<string, never>;
  /** `'timeout'` is emitted when nothing was read and nothing written for `ms`; 0 is never. It closes nothing. */
  setTimeout(ms: number, callback?: () => void): this;
  setNoDelay(noDelay?: boolean): this;
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  ref(): this;
  unref(): this;
  /** Ends, and destroys when all is written. */
  destroySoon(): void;
  /** Resets the connection (RST). */
  resetAndDestroy(): this;
}
