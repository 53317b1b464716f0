import { TIMEOUT } from 'node:dns';
import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { map, type Observable } from 'rxjs';
import { EDNS, IOStreamError } from '../errors.ts';
import { within } from './deadline.ts';
import { resolve, type ResolveOptions } from './resolve.ts';
import type { Dial, Target } from './signal.ts';

/**
 * What a proxy is asked for: the target with an IPv6 address out of its brackets, and a name in ASCII (IDNA).
 *
 * @throws TypeError without a target, for a path, which no proxy can reach, and for a name that IDNA does not know.
 */
export function proxyTarget(to: Target | undefined, plugin: string): { readonly host: string; readonly port: number } {
  if (!to) throw new TypeError(`{fh} already connected: ${plugin} needs host and port, not fh or wire`);
  if (!('host' in to)) throw new TypeError(`expected a target with host and port for ${plugin}, got a path`);
  const bare = to.host.startsWith('[') && to.host.endsWith(']') ? to.host.slice(1, -1) : '';
  const host = isIPv6(bare) ? bare : /[^\0-\x7f]/.test(to.host) ? domainToASCII(to.host) : to.host;
  if (host === '') throw new TypeError(`expected \`host\` to be a name that can be written in ASCII for ${plugin}, got another`);
  return { host, port: to.port };
}

/** Resolves a name here, for a proxy that shall get an address: the first one, EDNS after `timeouts.resolve`. */
export function localAddress(host: string, dial: Dial, options: ResolveOptions): Observable<string> {
  const addresses$ = within(resolve(host, options), dial.timeouts.resolve, dial, (ms) => {
    const message = `expected an address for '${host}' within ${ms} ms, got no answer`;
    return new IOStreamError(EDNS, { phase: 'resolve', message, cause: Object.assign(new Error('no answer in time'), { code: TIMEOUT }) });
  });
  return addresses$.pipe(map(([first]) => first?.address ?? host));
}
