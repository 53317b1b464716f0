import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { asError } from './as-error.ts';

/** A `checkServerIdentity` of the user. As in Node, any truthy result and any throw refuses. */
export type NameCheck = (name: string, certificate: PeerCertificate) => unknown;

/**
 * Returns the problem if a server's certificate is not for a name.
 *
 * @param name the host name or address to check, if there is one. Without a name, no certificate is valid.
 */
export function nameProblem(certificate: PeerCertificate, name: string | undefined, check: NameCheck = checkAltNames): Error | undefined {
  if (name === undefined) return new Error('there was no name to check');
  try {
    const problem = check(name, certificate);
    return problem ? asError(problem) : undefined;
  } catch (thrown) {
    return asError(thrown);
  }
}

/**
 * Checks the name in a certificate as Node does, but only against subjectAltName. Node falls back to the common name if there is no
 * DNS name, which RFC 9525 section 2 forbids.
 */
function checkAltNames(name: string, certificate: PeerCertificate): Error | undefined {
  const subject = {} as PeerCertificate['subject'];
  const problem = checkServerIdentity(name, { ...certificate, subject });
  return problem && Object.assign(problem, { cert: certificate });
}
