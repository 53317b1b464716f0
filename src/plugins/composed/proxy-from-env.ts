import { isExempt } from '../../protocol/no-proxy.ts';
import { describeWithType } from '../../util/describe.ts';
import { bareHost, isHost } from '../../util/host.ts';
import { isObject, isPort } from '../../util/value-tests.ts';
import type { Target } from '../../wire/signal.ts';
import { isUrl } from '../proxy/proxy-url.ts';
import { checkProxyOptions, pluginsOf, type ProxyFromUrlOptions, type ProxyPlugins } from './proxy-from-url.ts';

/** Environment variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Creates the plugins of the proxy that the environment names for a target, by the rules of curl. Returns `{}` for a direct connection.
 *
 * ```text
 *   NO_PROXY exempts the host ──▶ {}
 *   https://…   https_proxy, HTTPS_PROXY ─┐
 *   http://…    http_proxy ───────────────┼─ else all_proxy, ALL_PROXY ─ else {}
 *   name://…    name_proxy, NAME_PROXY ───┘
 * ```
 *
 * - The lower-case name comes first, and an empty value counts as none. HTTP_PROXY is ignored: a CGI program receives a client's
 *   header `Proxy` in it.
 * - `wss:` and `ws:` also use the variables of `https:` and `http:`.
 * - A target without a scheme counts as `https:` on port 443, as `http:` on port 80, and otherwise uses ALL_PROXY only.
 * - The value is a URL as for `proxyFromUrl`, and `socks:` is `socks4:`. Without a scheme it is `http:`. Without a port, the port
 *   is 1080, and for `https:` 443. A path, a query, a fragment and the password of a SOCKS4 proxy are ignored.
 * - Every HTTP proxy is used by CONNECT, also for `http:` targets, where curl sends it the request itself.
 *
 * **Errors**: those of the plugins. None contains the credentials.
 *
 * **Closing · Backpressure · Memory**: as the plugins.
 *
 * ```ts
 * import { IOStream, proxyFromEnv, tlsClient } from 'rxjs-io-stream';
 *
 * const plugin = { tls: tlsClient(), ...proxyFromEnv('https://example.com') };
 * new IOStream({ host: 'example.com', port: 443, plugin, cb: console.log });
 * ```
 *
 * @param target a URL, or the `host` and `port` of a stream. A `path` is always direct.
 * @param env the variables, read at the call. Default: `process.env`.
 * @param options what a URL cannot hold.
 * @throws TypeError for an invalid target, and for a variable that is no URL of a proxy. The message has its name, not its value.
 * @returns the plugins, in the order of a stack.
 * @see docs/guides/proxies.md for NO_PROXY, {@link proxyFromUrl}
 */
export function proxyFromEnv(
  target: string | URL | Target,
  env: Environment = process.env,
  options: ProxyFromUrlOptions = {},
): ProxyPlugins {
  const own = checkProxyOptions(options, 'proxyFromEnv');
  if (!isObject(env)) throw new TypeError(`expected the environment of proxyFromEnv to be an object, got ${describeWithType(env)}`);
  if (isObject(target) && 'path' in target) return {};
  const { scheme, host } = isUrl(target) ? fromUrl(target) : fromAddress(target);
  const value = (...names: readonly string[]): readonly [name: string, value: string] | undefined => {
    const name = names.find((each) => Object.hasOwn(env, each) && env[each]);
    return name === undefined ? undefined : [name, env[name]!];
  };
  const exempt = value('no_proxy', 'NO_PROXY');
  if (exempt && isExempt(host, exempt[1])) return {};
  const found = value(...namesOf(scheme), 'all_proxy', 'ALL_PROXY');
  return found ? pluginsOf(completed(found[1]), own, `the environment variable ${found[0]}`) : {};
}

/** Lists the variables of a scheme, the first wins. Never HTTP_PROXY: see the docstring. */
function namesOf(scheme: string): readonly string[] {
  if (scheme === '') return [];
  const own = scheme === 'http' ? ['http_proxy'] : [`${scheme}_proxy`, `${scheme.toUpperCase()}_PROXY`];
  if (scheme === 'wss') return [...own, ...namesOf('https')];
  return scheme === 'ws' ? [...own, ...namesOf('http')] : own;
}

/**
 * Adds the scheme and the port that curl assumes, translates its `socks:`, and leaves out what it ignores. Leaves what follows the
 * authority if it contains an `@`: then it may be a part of the password.
 */
function completed(value: string): string {
  const url = (/^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`)
    .replace(/^(\w+:\/\/[^/?#]*)[/?#][^@]*$/, '$1')
    .replace(/^socks:/i, 'socks4:')
    .replace(/^(socks4a?:\/\/[^:@]*):.*@/i, '$1@');
  return /^http:/i.test(url) && !/:\d+$/.test(url.slice('http:'.length)) ? `${url}:1080` : url;
}

interface Origin {
  readonly scheme: string;
  readonly host: string;
}

function fromUrl(given: string | URL): Origin {
  const text = String(given);
  if (!URL.canParse(text)) throw wrongTarget(`${text.length} characters that cannot be read so`);
  const { protocol, hostname } = new URL(text);
  if (hostname === '') throw wrongTarget('one without a host');
  return { scheme: protocol.slice(0, -1), host: canonical(hostname) };
}

function fromAddress(target: Exclude<Target, { path: string }>): Origin {
  const { host, port } = isObject(target) ? target : ({} as Partial<typeof target>);
  if (!isHost(host) || !isPort(port)) throw wrongTarget(describeWithType(target));
  return { scheme: { 443: 'https', 80: 'http' }[port] ?? '', host: canonical(host) };
}

/** Writes a host as curl compares it: in ASCII, without brackets and zone, an IPv4 address in four parts. */
function canonical(host: string): string {
  const bare = bareHost(host).split('%25')[0]!;
  const inner = bare.includes(':') ? `[${bare.split('%')[0]!}]` : bare;
  const url = `http://${inner}`;
  if (!URL.canParse(url)) throw wrongTarget('a host that is no name and no address');
  return bareHost(new URL(url).hostname);
}

function wrongTarget(got: string): TypeError {
  return new TypeError(`expected the target of proxyFromEnv to be a URL, or an object with \`host\` and \`port\`, got ${got}`);
}
