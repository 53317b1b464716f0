import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, SecureContext, SecureContextOptions } from 'node:tls';
import type { Observable, ObservableInput } from 'rxjs';

/** The facts of a TLS connection: in `details.<name>`, and passed to `verify`. */
export interface TlsFacts {
  /** `'TLSv1.2'` or `'TLSv1.3'`. */
  readonly protocol: string | null;
  /** The OpenSSL name of the cipher suite. */
  readonly cipher: string;
  /** The protocol negotiated by ALPN; false if there is none. */
  readonly alpnProtocol: string | false | null;
  /** The name requested by SNI. */
  readonly servername: string | undefined;
  /** Whether an earlier session was resumed. */
  readonly reused: boolean;
  /** Whether the peer's certificate was checked and is valid. */
  readonly authorized: boolean;
  /** Why the peer is not authorized: a code such as `'CERT_HAS_EXPIRED'`. */
  readonly authorizationError?: string | undefined;
  /** The identity of the pre-shared key that both sides have proven, if `pskCallback` returned one. `authorized` is true then. */
  readonly pskIdentity?: string | undefined;
  /** The peer's certificate, if it sent one. */
  readonly x509: X509Certificate | undefined;
  /**
   * For a client: the newest session, for the `session` option of another connection. TLS 1.3 sends sessions after the handshake, so
   * read it when you need it. Not enumerable: it holds a secret.
   */
  readonly session?: Uint8Array | undefined;
}

/** A store of sessions by key, such as a `Map`. You must limit its size yourself. */
export interface TlsSessionCache {
  /** Returns the session with this key, if there is one. */
  get(key: string): Uint8Array | undefined;
  /** Stores a session, or replaces that with the same key. */
  set(key: string, session: Uint8Array): unknown;
  /** Removes the session with this key. */
  delete(key: string): unknown;
}

/** The peer that `verify` must accept or refuse. */
export interface TlsPeer extends TlsFacts {
  /** The certificate of `x509` with its issuers, in the format of Node's `getPeerCertificate(true)`. */
  readonly certificate: DetailedPeerCertificate | undefined;
}

/** The options common to client and server, in addition to Node's own. */
export interface TlsOptions {
  /**
   * Called after the handshake, when Node has accepted the peer. It can only refuse. With `rejectUnauthorized: false` it is called for
   * every peer, and `authorized` holds the result of Node's check.
   *
   * True accepts. Any other value, no value, a throw or an error refuses (ETLSCERT). Of an Observable the first value counts. No bytes
   * of the application are sent or emitted before. An answer that never comes is ETOHANDSHAKE.
   *
   * @default accepts every peer that Node accepts
   */
  readonly verify?: ((peer: TlsPeer) => boolean | ObservableInput<boolean>) | undefined;
  /**
   * What to do when the peer closes without close_notify (possible truncation attack). `'report'` ends the stream and sets
   * `details.<name>.truncated`. `'error'` errors it with ETLSTRUNCATED. All bytes received before are emitted first.
   * @default 'report'
   */
  readonly truncation?: 'report' | 'error' | undefined;
  /**
   * Called with each line of an NSS key log, as Node's event `'keylog'`: bytes that end with a newline. THESE ARE THE SECRETS OF THE
   * CONNECTION. ANYONE WITH THEM CAN READ ALL OF ITS RECORDED TRAFFIC. For Wireshark; see `pcapng`.
   *
   * An error of it goes to RxJS's `config.onUnhandledError`, and affects nothing. On Deno it is not called.
   * @default none
   */
  readonly keylog?: ((line: Uint8Array) => void) | undefined;
  /**
   * A Node context; or options of one, merged over those given here; or an Observable of either. Each new connection uses the newest
   * valid value; open connections keep theirs. See `tlsServer`.
   *
   * @default one context of the options given here
   */
  readonly secureContext?: ContextSource | Observable<ContextSource> | undefined;
}

/** A Node context, or the options to create one. */
export type ContextSource = SecureContext | SecureContextOptions;
