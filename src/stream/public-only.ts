import { parseIp } from '../protocol/ip-address.ts';
import { hostInAscii } from '../util/host.ts';
import { specialPurposeOf } from '../protocol/special-addresses.ts';
import type { Guard } from '../wire/guard.ts';

/** Domains that only this machine or a private network resolves, and their specifications. */
const PRIVATE_DOMAINS: readonly (readonly [domain: string, words: string])[] = [
  ['localhost', 'loopback (localhost, RFC 6761 section 6.3)'],
  ['local', 'link-local (local, RFC 6762 section 3)'],
  ['home.arpa', 'private (home.arpa, RFC 8375 section 3)'],
  ['internal', 'private (internal, reserved by ICANN)'],
];

/**
 * Creates a guard that allows hosts on the internet only: against requests that a stranger's URL directs into your network (SSRF).
 *
 * ```text
 *   name ── resolve ──▶ 93.184.215.14 ── public ──▶ connect
 *                       10.0.0.1 ── private (10.0.0.0/8, RFC 1918 section 3) ──▶ EBLOCKED
 * ```
 *
 * Blocks:
 * - loopback, private, link-local, shared (CGNAT), unspecified, multicast, documentation, benchmarking and reserved addresses, from
 *   the IANA registries (RFC 6890)
 * - IPv6 forms that contain an IPv4 address: mapped, compatible, NAT64, 6to4, Teredo. Without IPv4, a network with DNS64 therefore
 *   needs a guard of its own
 * - paths
 * - if a proxy resolves the name: addresses, names without a dot, and those in localhost, local, internal and home.arpa. The name is all
 *   that can be judged then, unless the proxy has `resolve: 'local'`
 *
 * The judged address is the dialled one: a second answer of DNS changes nothing.
 *
 * **Errors**: EBLOCKED, with the rule and the address.
 *
 * **Closing · Backpressure · Memory**: keeps nothing.
 *
 * ```ts
 * import { connect, publicOnly } from 'rxjs-io-stream';
 *
 * connect({ host: 'localhost', port: 80, guard: publicOnly() }).subscribe({ error: ({ code }) => console.log(code) }); // EBLOCKED
 * ```
 *
 * @returns a guard for `connect`, `open`, `IOStream`, `agent` and `dialer`.
 * @see docs/guides/who-may-connect.md
 */
export function publicOnly(): Guard {
  return ({ host = '', address, path }) => {
    if (path !== undefined) return 'a path is on this machine';
    if (address !== undefined) return judgeAddress(address);
    const name = nameOf(host);
    return name === '' || name.includes(':') || parseIp(name) ? judgeAddress(name) : judgeName(name);
  };
}

/** An address that cannot be read is blocked. A zone exists for link-local and multicast addresses only. */
function judgeAddress(address: string): true | string {
  const bytes = parseIp(address.split('%')[0]!);
  return bytes ? (specialPurposeOf(bytes) ?? true) : 'not an address';
}

/**
 * Returns a name as a resolver may take it: in ASCII, in lower case, without the dot at its end, and 127.0.0.1 for `0x7f.1`. Returns ''
 * for what is no name. A colon is in no name.
 */
function nameOf(host: string): string {
  if (host.includes(':')) return host;
  const url = `http://${hostInAscii(host)}`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : '';
}

function judgeName(name: string): true | string {
  const found = PRIVATE_DOMAINS.find(([domain]) => name === domain || name.endsWith(`.${domain}`));
  if (found) return found[1];
  return name.includes('.') || 'a name without a dot belongs to a private network';
}
