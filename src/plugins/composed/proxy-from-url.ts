import { isObject } from '../../util/value-tests.ts';
import { checkOptions, type Rules } from '../../util/check-options.ts';
import type { Lookup } from '../../wire/resolve.ts';
import type { Plugin } from '../../wire/signal.ts';
import { httpProxy } from '../proxy/http-proxy.ts';
import { readProxyUrl, type ProxyUrl, type ProxyUrlRules } from '../proxy/proxy-url.ts';
import { socks4 } from '../proxy/socks4.ts';
import { socks5 } from '../proxy/socks5.ts';
import { tlsClient, type TlsClientOptions } from '../tls/tls-client.ts';

/** The options of a proxy that its URL cannot hold. */
export interface ProxyFromUrlOptions {
  /** For `https:`: how to verify the proxy. @default verified by its name and the certificate authorities of Node */
  readonly tls?: TlsClientOptions | undefined;
  /** For `socks4:` and `socks5:`: called instead of `dns.lookup`. @default dns.lookup */
  readonly lookup?: Lookup | undefined;
}

/** The plugins of a proxy by name, `proxy` and for `https:` also `proxyTls`. Empty for a direct connection. */
export type ProxyPlugins = Readonly<Record<string, Plugin>>;

const RULES: Rules = {
  tls: ['an object, the options of tlsClient', isObject],
  lookup: ['a function like dns.lookup', (value) => typeof value === 'function'],
};

/** Creates the plugins of each scheme. */
const SCHEMES: Readonly<Record<string, (proxy: ProxyUrl, options: ProxyFromUrlOptions) => ProxyPlugins>> = {
  'http:': (proxy) => ({ proxy: httpProxy(proxy) }),
  'https:': (proxy, { tls }) => ({ proxy: httpProxy(proxy), proxyTls: tlsClient(tls) }),
  'socks5:': (proxy, { lookup }) => ({ proxy: socks5({ ...proxy, resolve: 'local', lookup }) }),
  'socks5h:': (proxy) => ({ proxy: socks5(proxy) }),
  'socks4:': (proxy, { lookup }) => ({ proxy: socks4({ ...withUserId(proxy), resolve: 'local', lookup }) }),
  'socks4a:': (proxy) => ({ proxy: socks4(withUserId(proxy)) }),
};

const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
const SOCKS_PORT = 1080;

/**
 * Creates the plugins of a proxy from its URL, in the order of a stack. Spread them below the other plugins.
 *
 * ```text
 *   plugin: { tls, ...proxyFromUrl('https://proxy.example') }
 *
 *   application ⇄ tls ⇄ proxy ⇄ proxyTls ⇄ tcp ═ proxy.example:443 ═ target
 * ```
 *
 * | scheme | plugins | the target's name is resolved | port |
 * |---|---|---|---|
 * | `http:` | `httpProxy` | by the proxy | 80 |
 * | `https:` | `httpProxy` on `tlsClient` | by the proxy | 443 |
 * | `socks5h:`, `socks4a:` | `socks5`, `socks4` | by the proxy | 1080 |
 * | `socks5:`, `socks4:` | `socks5`, `socks4` | here, as curl does; the first address is sent | 1080 |
 *
 * **Errors**: those of the plugins. None contains the credentials.
 *
 * **Closing · Backpressure · Memory**: as the plugins.
 *
 * ```ts
 * import { IOStream, proxyFromUrl, tlsClient } from 'rxjs-io-stream';
 *
 * const plugin = { tls: tlsClient(), ...proxyFromUrl('socks5h://me:secret@127.0.0.1:1080') };
 * new IOStream({ host: 'example.com', port: 443, plugin, cb: console.log });
 * ```
 *
 * @param url `scheme://user:password@host:port`. User and password are percent-encoded and optional, and so is the port.
 * @param options what a URL cannot hold.
 * @throws TypeError for an invalid URL or option, at the call. The message contains no part of the URL but a known scheme.
 * @returns the plugins by name: `proxy`, and for `https:` below it `proxyTls`.
 * @see docs/guides/proxies.md, {@link proxyFromEnv}, {@link socks5}, {@link httpProxy}
 */
export function proxyFromUrl(url: string | URL, options: ProxyFromUrlOptions = {}): ProxyPlugins {
  const caller = 'proxyFromUrl';
  return pluginsOf(url, checkProxyOptions(options, caller), caller);
}

/** Copies and checks the options of `caller`. */
export function checkProxyOptions(options: ProxyFromUrlOptions, caller: string): ProxyFromUrlOptions {
  return checkOptions(options, { caller, rules: RULES });
}

/** @param caller named in messages about the URL: a function or an environment variable. */
export function pluginsOf(url: string | URL, options: ProxyFromUrlOptions, caller: string): ProxyPlugins {
  const scheme = /^[a-z][a-z\d+.-]*:/i.exec(String(url))?.[0].toLowerCase() ?? '';
  const rules: ProxyUrlRules = { caller, schemes: Object.keys(SCHEMES), port: PORTS[scheme] ?? SOCKS_PORT };
  const proxy = readProxyUrl(url, rules); // Throws for a scheme that is not among them.
  return SCHEMES[scheme]!(proxy, options);
}

function withUserId({ host, port, user, pass = '' }: ProxyUrl): { host: string; port: number; userId: string | undefined } {
  if (pass !== '') throw new TypeError('expected the URL of a SOCKS4 proxy to have no password, got one that has; socks5: can send it');
  return { host, port, userId: user };
}
