import { map, type Observable } from 'rxjs';
import type { IOStreamError } from '../../errors.ts';
import { bareHost, hostInAscii } from '../../util/host.ts';
import { judgeAddress } from '../../wire/guard.ts';
import { resolveInTime, type ResolveOptions } from '../../wire/resolve.ts';
import type { Dial, Target } from '../../wire/signal.ts';

/** The target of a proxy: no path. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Converts a target to the form that proxies expect: an IPv6 address without brackets, a name in ASCII (IDNA).
 *
 * @throws TypeError without a target, for a path, which no proxy can reach, and for a name that IDNA cannot convert.
 */
export function proxyTarget(to: Target | undefined, plugin: string): HostAndPort {
  if (!to) throw new TypeError(`{fh} already connected: ${plugin} needs host and port, not fh or wire`);
  if (!('host' in to)) throw new TypeError(`expected a target with host and port for ${plugin}, got a path`);
  const host = hostInAscii(bareHost(to.host));
  if (host === '') throw new TypeError(`expected \`host\` to be a name that can be written in ASCII for ${plugin}, got another`);
  return { host, port: to.port };
}

/**
 * Resolves a name locally, for a proxy that needs an address. Emits the first address that the guard allows. Errors with EDNS after
 * `timeouts.resolve`, and with EBLOCKED if the guard allows none.
 */
export function localAddress({ host, port }: HostAndPort, dial: Dial, options: ResolveOptions): Observable<string> {
  return resolveInTime(host, dial, options).pipe(
    map((addresses) => {
      let blocked: IOStreamError | undefined;
      for (const { address } of addresses) {
        blocked = judgeAddress(dial.guard, host, port, address);
        if (!blocked) return address;
      }
      if (blocked) throw blocked;
      return host;
    }),
  );
}
