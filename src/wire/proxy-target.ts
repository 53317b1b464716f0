import { domainToASCII } from 'node:url';
import { map, type Observable } from 'rxjs';
import { bareHost } from './bare-host.ts';
import { resolveInTime, type ResolveOptions } from './resolve.ts';
import type { Dial, Target } from './signal.ts';

/**
 * What a proxy is asked for: the target with an IPv6 address out of its brackets, and a name in ASCII (IDNA).
 *
 * @throws TypeError without a target, for a path, which no proxy can reach, and for a name that IDNA does not know.
 */
export function proxyTarget(to: Target | undefined, plugin: string): { readonly host: string; readonly port: number } {
  if (!to) throw new TypeError(`{fh} already connected: ${plugin} needs host and port, not fh or wire`);
  if (!('host' in to)) throw new TypeError(`expected a target with host and port for ${plugin}, got a path`);
  const bare = bareHost(to.host);
  const host = /[^\0-\x7f]/.test(bare) ? inAscii(bare) : bare;
  if (host === '') throw new TypeError(`expected \`host\` to be a name that can be written in ASCII for ${plugin}, got another`);
  return { host, port: to.port };
}

/** No longer name has 255 bytes in ASCII; a character may be two units. */
const MAX_UNITS = 2 * 255;

/** IDNA takes quadratic time: not for what can be no name. */
function inAscii(name: string): string {
  return name.length > MAX_UNITS ? '' : domainToASCII(name);
}

/** Resolves a name here, for a proxy that shall get an address: the first one, EDNS after `timeouts.resolve`. */
export function localAddress(host: string, dial: Dial, options: ResolveOptions): Observable<string> {
  return resolveInTime(host, dial, options).pipe(map(([first]) => first?.address ?? host));
}
