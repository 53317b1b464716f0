import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Dial } from '../../wire/signal.ts';
import { isCleanName } from './is-clean-name.ts';

/** The names of a server, for one connection. */
export interface ServerNames {
  /** The name that the certificate must match, if there is one. */
  readonly name?: string;
  /** The SNI name; empty to send none (RFC 6066 section 3: a DNS name without the trailing dot). */
  readonly servername: string;
}

/**
 * Returns the names of the dialled server. An empty `servername` sends no SNI, as in Node; the certificate is then checked against the
 * target.
 *
 * @param isNameRequired whether the certificate must be checked against a name.
 * @throws TypeError if there is no name, or one that is not safe to send and compare.
 */
export function serverNames(requested: string | undefined, { to }: Dial, isNameRequired: boolean): ServerNames {
  const target = to && 'host' in to ? to.host : '';
  const given = requested === undefined || requested === '' ? target : requested;
  if (given === '' && !isNameRequired) return { servername: '' };
  if (given === '')
    throw new TypeError('tlsClient: expected a name to check the certificate against, got none: give `servername`, or dial a host');
  const name = (/^[\0-\x7f]*$/.test(given) ? given : domainToASCII(given)).replace(/\.$/, '');
  if (name === '' || !isCleanName(name)) {
    const option = requested ? '`servername`' : 'the host';
    throw new TypeError(`tlsClient: expected ${option} to be a name or address, got ${JSON.stringify(given)}`);
  }
  return { name, servername: requested === '' || isIP(name) ? '' : name };
}
