import { lookup as dnsLookup } from 'node:dns';
import type { Agent, ClientRequestArgs } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { IOStreamOptions } from '../stream/options.ts';
import { ownOptions } from '../util/own-options.ts';
import type { Lookup } from '../wire/resolve.ts';

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
  const given = ownOptions(options, 'a request of an agent');
  const protocol = [request?.protocol, given.protocol, given._defaultAgent?.protocol].find(Boolean);
  const family = FAMILIES[given.family ?? ''] ?? given.family;
  return ownOptions({ ...given, protocol, ...(family === undefined ? {} : { family }) }, 'a request of an agent');
}

/** Returns where and how to connect. Options that the request does not set are taken from `defaults`. */
export function targetOf(request: ConnectionRequest, defaults: ConnectionTarget): ConnectionTarget {
  const { socketPath, family, localAddress, localPort, noDelay } = normalized(request);
  const given = { family: family as ConnectionTarget['family'], localAddress, localPort, noDelay };
  const lookup = lookupOf(request, request.lookup ?? defaults.lookup);
  return { ...defaults, ...defined({ ...given, lookup }), ...(socketPath ? { path: socketPath } : placeOf(request)) };
}

function placeOf({ host, hostname, port, defaultPort, ...request }: ConnectionRequest): ConnectionTarget {
  // Some callers set `host` to the host of a URL, which includes the port.
  const hosts = [host === `${hostname}:${port}` ? hostname : host, hostname, 'localhost'];
  const ports = [port, defaultPort, isSecure(request) ? 443 : 80];
  return { host: hosts.find(Boolean) ?? undefined, port: Number(ports.find(Boolean)) };
}

/** Wraps `lookup` to pass the `hints` of the request, and to return a single address if `autoSelectFamily` is false. */
function lookupOf({ hints, autoSelectFamily }: ConnectionRequest, lookup: Lookup | undefined): Lookup | undefined {
  if (!hints && autoSelectFamily !== false) return lookup;
  return (host, options, found) =>
    (lookup ?? dnsLookup)(host, { ...options, ...(hints ? { hints } : {}) }, (error, answer, family) =>
      found(error, autoSelectFamily === false && Array.isArray(answer) ? answer.slice(0, 1) : answer, family),
    );
}

/** Copies the options without those that are undefined or null. */
export function defined<T extends object>(options: T): T {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  return ownOptions(Object.fromEntries(given) as T, 'an agent');
}
