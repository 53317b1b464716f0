import { EPROXY } from '../../errors.ts';
import type { SocksBound } from '../../protocol/socks.ts';
import { socks4Connect } from '../../protocol/socks4.ts';
import { PROXY_REQUIRED, PROXY_RULES } from './proxy-options.ts';
import { localAddress, proxyTarget } from './proxy-target.ts';
import { isUrl, readProxyUrl, type ProxyUrlRules } from './proxy-url.ts';
import type { Lookup } from '../../wire/resolve.ts';
import { checkOptions, type Rules } from '../../util/check-options.ts';
import { utf8 } from '../../util/utf8.ts';
import type { Plugin } from '../../wire/signal.ts';
import { handshake } from '../../layers/handshake.ts';

/** The address and the options of a SOCKS4 proxy. */
export interface Socks4Options {
  /** The name or address of the proxy; an IPv6 address may be in brackets. */
  readonly host: string;
  /** The port of the proxy, 1 to 65535; conventionally 1080. */
  readonly port: number;
  /** The user id, at most 255 bytes in UTF-8 without NUL. It is not a secret, because nothing proves it. @default '' */
  readonly userId?: string | undefined;
  /**
   * Where the target's name is resolved. `'proxy'` requires a proxy that supports 4a. `'local'` resolves it here and sends the first
   * IPv4 address, which every proxy supports. @default 'proxy'
   */
  readonly resolve?: 'proxy' | 'local' | undefined;
  /** Called instead of `dns.lookup` with `resolve: 'local'`. @default dns.lookup */
  readonly lookup?: Lookup | undefined;
}

const isUserId = (value: unknown): boolean => typeof value === 'string' && !value.includes('\0') && utf8(value).length <= 255;
const RULES: Rules = /* @__PURE__ */ Object.assign({}, PROXY_RULES, {
  userId: ['a string of at most 255 bytes in UTF-8, without NUL', isUserId],
});

const URLS: ProxyUrlRules = { caller: 'socks4', schemes: ['socks4:', 'socks4a:'], port: 1080 };

/**
 * Creates a plugin that connects through a SOCKS4 proxy, or SOCKS4a for names. It dials the proxy and requests the target.
 *
 * ```text
 *   application       socks4                                   proxy              target
 *        │               │── 04 01 port address userId 00 ──────▶│                   │
 *        │               │        [4a: 0.0.0.1 …, name 00]       │── connects ──────▶│
 *        │◀─ connected ──│◀──────────── 00 5a port address ──────│                   │
 *        │◀═══════════════════════ bytes, both ways ════════════════════════════════▶│
 * ```
 *
 * The proxy resolves names, so that no DNS query is made here, unless `resolve` is `'local'`. SOCKS4 does not support IPv6 targets.
 * Names that are not ASCII are sent in their IDNA form. Only CONNECT is supported. `details.<name>` holds `boundAddress` and
 * `boundPort`, the address from which the proxy reports to connect (often zeros). To chain proxies, stack them: the first in the list
 * is the last in the chain.
 *
 * **Errors**, all before any byte of the application is written:
 * - EPROXY: the proxy refuses (`status` is its reply code, `reply` the meaning), or ends before its reply is complete. Also for an
 *   IPv6 target, or a name longer than 255 bytes.
 * - EPROTOCOL: the reply is not SOCKS4; reported at the first wrong byte.
 * - ETOHANDSHAKE: after `timeouts.handshake`.
 * - EDNS: `'local'` finds no IPv4 address within `timeouts.resolve`.
 *
 * **Closing**
 * - Unsubscribing frees everything at once.
 *
 * **Backpressure**
 * - Lossless.
 *
 * ```ts
 * import { IOStream, socks4 } from 'rxjs-io-stream';
 *
 * new IOStream({ host: 'example.com', port: 80, plugin: { proxy: socks4({ host: '127.0.0.1', port: 1080 }) }, cb: console.log });
 * ```
 *
 * @param proxy the options, or a URL as a string or object: `socks4://user@host:port` or `socks4a:`. The user is percent-encoded and
 *   optional. The port is 1080 by default.
 * @throws TypeError for invalid options, at the call. For a stream without a target and for a path as target, at the dial.
 * @see {@link socks5}, {@link httpProxy}
 */
export function socks4(proxy: Socks4Options | string | URL): Plugin<SocksBound> {
  const options = isUrl(proxy) ? fromUrl(proxy) : proxy;
  const { host, port, userId = '', resolve, lookup } = checkOptions(options, { caller: 'socks4', rules: RULES, required: PROXY_REQUIRED });
  return (wire) => (dial) => {
    const target = proxyTarget(dial.to, 'socks4');
    const plugin = handshake({
      to: { host, port },
      early: EPROXY,
      *talk(link) {
        const asked = resolve === 'local' ? yield* link.wait(() => localAddress(target, dial, { lookup, family: 4 })) : target.host;
        return { ...(yield* socks4Connect(link, { host: asked, port: target.port }, utf8(userId))) };
      },
    });
    return plugin(wire)(resolve === 'local' ? { ...dial, guard: undefined } : dial); // `localAddress` judges the address.
  };
}

function fromUrl(url: string | URL): Socks4Options {
  const { host, port, user, pass = '' } = readProxyUrl(url, URLS);
  if (pass !== '')
    throw new TypeError('expected the URL of socks4 to have no password, got one that has; SOCKS4 cannot send it, socks5 can');
  return { host, port, userId: user };
}
