import { EPROXY } from '../errors.ts';
import type { SocksBound } from '../protocol/socks.ts';
import { socks4Connect } from '../protocol/socks4.ts';
import { PROXY_REQUIRED, SOCKS_RULES } from '../wire/proxy-options.ts';
import { localAddress, proxyTarget } from '../wire/proxy-target.ts';
import { isUrl, readProxyUrl, type ProxyUrlRules } from '../wire/proxy-url.ts';
import type { Lookup } from '../wire/resolve.ts';
import { checkByRules, type Rules } from '../wire/rules.ts';
import type { Plugin } from '../wire/signal.ts';
import { handshake } from './handshake.ts';

/** Where the proxy is, and how it is asked. */
export interface Socks4Options {
  /** The name or address of the proxy; one of IPv6 may stand in brackets. */
  readonly host: string;
  /** The port of the proxy, 1 to 65535; 1080 by custom. */
  readonly port: number;
  /** Who asks, at most 255 bytes in UTF-8 without NUL. No secret: it is not proven by anything. @default '' */
  readonly userId?: string | undefined;
  /**
   * Who resolves a target's name: `'proxy'` needs one that speaks 4a; `'local'` sends the first IPv4 address that is found
   * here, which every proxy understands. @default 'proxy'
   */
  readonly resolve?: 'proxy' | 'local' | undefined;
  /** Asked instead of `dns.lookup` with `resolve: 'local'`. */
  readonly lookup?: Lookup | undefined;
}

const isUserId = (value: unknown): boolean => typeof value === 'string' && !value.includes('\0') && Buffer.byteLength(value) <= 255;
const RULES: Rules = { ...SOCKS_RULES, userId: ['a string of at most 255 bytes in UTF-8, without NUL', isUserId] };

const URLS: ProxyUrlRules = { caller: 'socks4', schemes: ['socks4:', 'socks4a:'], port: 1080 };

/**
 * Makes a plugin that connects through a SOCKS4 proxy, or 4a for names: it dials the proxy, and asks it for the target.
 *
 * ```text
 *   application       socks4                                   proxy              target
 *        │               │── 04 01 port address userId 00 ──────▶│                   │
 *        │               │        [4a: 0.0.0.1 …, name 00]       │── connects ──────▶│
 *        │◀─ connected ──│◀──────────── 00 5a port address ──────│                   │
 *        │◀═══════════════════════ bytes, both ways ════════════════════════════════▶│
 * ```
 *
 * The proxy resolves names, unless `resolve: 'local'`: no name of a target is asked for here. SOCKS4 has no IPv6; names that are
 * not ASCII are sent as IDNA says. `details.<name>` holds `boundAddress` and `boundPort`, from which the proxy says it connects
 * (often zeros). Only CONNECT. Proxies chain by stacking: the first in the list is the last in the chain.
 *
 * Errors, all before any byte of the application has left: EPROXY when the proxy refuses (`status` is its reply code, `reply`
 * what that means), when it ends before its answer is whole, when the target is an IPv6 address or its name longer than 255
 * bytes; EPROTOCOL, at the first wrong byte, when it speaks something else; ETOHANDSHAKE after `timeouts.handshake`; EDNS when `'local'` finds no IPv4
 * address within `timeouts.resolve`. Unsubscribing frees all at once. Lossless.
 *
 * ```ts
 * import { IOStream, socks4 } from 'rxjs-io-stream';
 *
 * new IOStream({ host: 'example.com', port: 80, plugin: { proxy: socks4({ host: '127.0.0.1', port: 1080 }) }, cb: console.log });
 * ```
 *
 * @param proxy where the proxy is, and how it is asked. A URL, as a text or an object, is `socks4://user@host:port` or `socks4a:`, the
 *   user percent-encoded or left out, port 1080 by default.
 * @throws TypeError for wrong options at the call, for a stream without a target, and for a path as target, at the dial.
 */
export function socks4(proxy: Socks4Options | string | URL): Plugin<SocksBound> {
  const options = isUrl(proxy) ? fromUrl(proxy) : proxy;
  const { host, port, userId = '', resolve, lookup } = checkByRules('socks4', options, RULES, PROXY_REQUIRED);
  return (wire) => (dial) => {
    const target = proxyTarget(dial.to, 'socks4');
    const plugin = handshake({
      to: { host, port },
      early: EPROXY,
      *talk(link) {
        const asked = resolve === 'local' ? yield* link.wait(() => localAddress(target.host, dial, { lookup, family: 4 })) : target.host;
        return { ...(yield* socks4Connect(link, { host: asked, port: target.port }, Buffer.from(userId))) };
      },
    });
    return plugin(wire)(dial);
  };
}

function fromUrl(url: string | URL): Socks4Options {
  const { host, port, user, pass = '' } = readProxyUrl(url, URLS);
  if (pass !== '')
    throw new TypeError('expected the URL of socks4 to have no password, got one that has; SOCKS4 cannot send it, socks5 can');
  return { host, port, userId: user };
}
