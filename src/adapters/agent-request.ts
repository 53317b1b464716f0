import { lookup as dnsLookup } from 'node:dns';
import type { Agent, ClientRequestArgs } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { IOStreamOptions } from '../stream/io-stream.ts';
import { ownOptions } from '../util/own-options.ts';
import type { Lookup } from '../wire/resolve.ts';
import { defined } from './defined.ts';

/** The argument of `createConnection`: the options of the request, and the fields that Node adds. */
export type ConnectionRequest = Omit<ClientRequestArgs & RequestOptions, 'family' | '_defaultAgent'> & {
  readonly family?: number | string | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelay?: number | undefined;
  readonly noDelay?: boolean | undefined;
  readonly autoSelectFamily?: boolean | undefined;
  readonly _defaultAgent?: (Agent & { readonly protocol?: string }) | undefined;
};

/** The stream options for where and how a request connects. */
export type ConnectionTarget = Pick<
  IOStreamOptions,
  'host' | 'port' | 'path' | 'lookup' | 'family' | 'localAddress' | 'localPort' | 'noDelay'
>;

const FAMILIES: Readonly<Record<string, 4 | 6>> = { IPv4: 4, IPv6: 6 };

/** Returns false only if the protocol is known to be `http:`. An unknown protocol uses TLS. */
export function isSecure({ protocol }: ConnectionRequest): boolean {
  return protocol !== 'http:';
}

/** Copies the options, with `protocol` and `family` normalized, so that equivalent requests share connections. */
export function normalized(options: ConnectionRequest, request?: { readonly protocol?: string }): ConnectionRequest {
  const own = ownOptions(options, 'a request of an agent');
  const protocol = [request?.protocol, own.protocol, own._defaultAgent?.protocol].find(Boolean);
  const family = FAMILIES[own.family ?? ''] ?? own.family;
  return ownOptions({ ...own, protocol, ...(family === undefined ? {} : { family }) }, 'a request of an agent');
}

/** Returns where and how to connect. Options that the request does not set are taken from `defaults`. */
export function targetOf(request: ConnectionRequest, defaults: ConnectionTarget): ConnectionTarget {
  const { socketPath, family, localAddress, localPort, noDelay } = normalized(request);
  const lookup = lookupOf(request, request.lookup ?? defaults.lookup);
  const local = { family: family as ConnectionTarget['family'], localAddress, localPort, noDelay, lookup };
  return { ...defaults, ...defined(local), ...(socketPath ? { path: socketPath } : hostAndPortOf(request)) };
}

function hostAndPortOf({ host, hostname, port, defaultPort, ...request }: ConnectionRequest): ConnectionTarget {
  // Some callers set `host` to the host of a URL, which includes the port.
  const hosts = [host === `${hostname}:${port}` ? hostname : host, hostname, 'localhost'];
  const ports = [port, defaultPort, isSecure(request) ? 443 : 80];
  return { host: hosts.find(Boolean) ?? undefined, port: Number(ports.find(Boolean)) };
}

/** Wraps `lookup` to pass the `hints` of the request, and to return a single address if `autoSelectFamily` is false. */
function lookupOf({ hints, autoSelectFamily }: ConnectionRequest, lookup: Lookup | undefined): Lookup | undefined {
  if (!hints && autoSelectFamily !== false) return lookup;
  return (host, options, callback) =>
    (lookup ?? dnsLookup)(host, { ...options, ...(hints ? { hints } : {}) }, (error, addresses, family) =>
      callback(error, autoSelectFamily === false && Array.isArray(addresses) ? addresses.slice(0, 1) : addresses, family),
    );
}
