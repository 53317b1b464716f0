import { ETLS, ETLSCERT, IOStreamError, type ErrorCode, type Phase } from '../../errors.ts';
import { opensslReason } from './openssl-reason.ts';

/** Our alert to a client that did not send the requested certificate. */
const NO_CERTIFICATE = 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE';

/** Where a TLS connection failed, and what is known besides the cause. */
export interface TlsErrorFacts {
  readonly phase: Phase;
  readonly layer: string | undefined;
  /** @default ETLSCERT if a client sent no certificate, else ETLS */
  readonly code?: ErrorCode | undefined;
  /** The message, if it explains more than the cause. */
  readonly message?: string | undefined;
}

/** Creates the error of a TLS connection. Without a cause, the TLS socket was closed for no reported reason. */
export function tlsError(cause: Error | undefined, { phase, layer, code, message }: TlsErrorFacts): IOStreamError {
  const isUncertified = (cause as NodeJS.ErrnoException | undefined)?.code === NO_CERTIFICATE;
  return new IOStreamError(code ?? (isUncertified ? ETLSCERT : ETLS), {
    phase,
    layer,
    message: message ?? (cause ? reasonOf(cause) : 'the TLS socket was closed'),
    cause,
  });
}

/** The cause if the wire below ends during the handshake, with the code of Node's TLSSocket for this case. */
export function endInHandshake(): Error {
  return Object.assign(new Error('connection closed during the TLS handshake'), { code: 'ECONNRESET' });
}

/** Describes the TLS failure in one line, and marks an alert as sent by the peer. */
function reasonOf(cause: Error): string {
  const reason = opensslReason(cause.message);
  return /SSL alert number \d+/.test(reason) ? `the peer sent a TLS alert: ${reason}` : reason;
}
