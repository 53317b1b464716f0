import { domainToASCII } from 'node:url';
import { map, type Observable } from 'rxjs';
import { bareHost } from '../../util/host.ts';
import { resolveInTime, type ResolveOptions } from '../../wire/resolve.ts';
import type { Dial, Target } from '../../wire/signal.ts';

/**
 * Converts a target to the form that proxies expect: an IPv6 address without brackets, a name in ASCII (IDNA).
 *
 * @throws TypeError without a target, for a path, which no proxy can reach, and for a name that IDNA cannot convert.
 */
export function proxyTarget(to: Target | undefined, plugin: string): { readonly host: string; readonly port: number } {
  if (!to) throw new TypeError(`{fh} already connected: ${plugin} needs host and port, not fh or wire`);
  if (!('host' in to)) throw new TypeError(`expected a target with host and port for ${plugin}, got a path`);
  const bare = bareHost(to.host);
  const host = /[^\0-\x7f]/.test(bare) ? inAscii(bare) : bare;
  if (host === '') throw new TypeError(`expected \`host\` to be a name that can be written in ASCII for ${plugin}, got another`);
  return { host, port: to.port };
}

/** Maximum length in UTF-16 units of a name that can fit into 255 bytes of ASCII. A character may have two units. */
const MAX_UNITS = 2 * 255;

/** Converts a name by IDNA. Rejects long names first, because IDNA takes quadratic time. */
function inAscii(name: string): string {
  return name.length > MAX_UNITS ? '' : domainToASCII(name);
}

/** Resolves a name locally, for a proxy that needs an address. Emits the first address. Errors with EDNS after `timeouts.resolve`. */
export function localAddress(host: string, dial: Dial, options: ResolveOptions): Observable<string> {
  return resolveInTime(host, dial, options).pipe(map(([first]) => first?.address ?? host));
}
