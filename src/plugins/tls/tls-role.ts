import type { Duplex } from 'node:stream';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Observable } from 'rxjs';
import type { PeerCertificates } from './peer-certificates.ts';
import type { SessionStore } from './session-store.ts';
import type { CurrentContext } from './tls-contexts.ts';
import type { TlsOptions } from './tls-options.ts';

/** What differs between a client and a server, and the user's options. */
export interface TlsRole extends Pick<TlsOptions, 'verify' | 'truncation'> {
  /** The role of the peer. */
  readonly peer: 'server' | 'client';
  /** The secure context. Of an Observable the first value is used; it is subscribed while the connection exists. */
  readonly contexts: CurrentContext | Observable<CurrentContext>;
  /** Starts Node's TLS on a transport. Must not check the peer's certificate. */
  start(transport: Duplex, context: SecureContext, session: Uint8Array | undefined): TLSSocket;
  /** The socket event at the end of the handshake. */
  readonly secureEvent: 'secure' | 'secureConnect';
  /** Listens to the socket event with the secrets. */
  readonly keylog: ((line?: Uint8Array) => void) | undefined;
  /** Returns the problem with the peer's certificate, `undefined` if it is valid. */
  certificateProblem(socket: TLSSocket, certificates: PeerCertificates): CertificateProblem | undefined;
  /** Whether such a problem errors the stream. */
  readonly rejectUnauthorized: boolean;
  /** Chooses the session to resume. `known` is the one in `sessionStore`. */
  sessionToResume?(known: Uint8Array | undefined): Uint8Array | undefined;
  /** Where sessions of accepted peers are kept. */
  readonly sessionStore?: SessionStore | undefined;
}

/** Why a peer is not authorized. A server that requested no certificate has none to check, and does not reject the client. */
export type CertificateProblem = Error | 'not requested';
