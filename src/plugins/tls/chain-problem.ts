import type { TLSSocket } from 'node:tls';
import { isNode, RUNTIME } from './tls-runtime.ts';

/** Where a runtime reports its verification result. Runtimes do not reliably keep to the types. */
interface VerificationReport {
  readonly authorized?: unknown;
  readonly authorizationError?: unknown;
  readonly _handle?: { verifyError?(): unknown };
}

/**
 * Returns the problem with the peer's certificate and its issuers. Only an explicit success reported by the runtime counts as none.
 * Clients read `authorized`. Servers read the OpenSSL result, because Node sets `authorized` only for sockets of its own tls.Server.
 * In other runtimes an empty result has no meaning.
 */
export function chainProblem(socket: TLSSocket): Error | undefined {
  const { authorized, authorizationError, _handle } = socket as unknown as VerificationReport;
  const result = _handle?.verifyError?.();
  if (authorized === true || (isNode && result === null)) return undefined;
  if (result instanceof Error) return result;
  const reported = authorizationError ?? result;
  if (reported instanceof Error) return reported;
  if (typeof reported === 'string' && reported !== '') return Object.assign(new Error(reported), { code: reported });
  return new Error(
    `the certificate of the peer could not be checked: ${RUNTIME} does not report whether it verified it; use Node for this side of the connection`,
  );
}
