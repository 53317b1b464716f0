import { EPROXY } from '../../errors.ts';
import type { SocksBound } from '../../protocol/socks.ts';
import { socks5Connect } from '../../protocol/socks5.ts';
import { PROXY_REQUIRED, PROXY_RULES } from './proxy-options.ts';
import { localAddress, proxyTarget } from './proxy-target.ts';
import { isUrl, readProxyUrl, type ProxyUrlRules } from './proxy-url.ts';
import type { Lookup } from '../../wire/resolve.ts';
import { checkOptions, type Rule, type Rules } from '../../util/check-options.ts';
import { utf8 } from '../../util/utf8.ts';
import type { Plugin } from '../../wire/signal.ts';
import { handshake } from '../../layers/handshake.ts';

/** The address and the options of a SOCKS5 proxy. */
export interface Socks5Options {
  /** The name or address of the proxy; an IPv6 address may be in brackets. */
  readonly host: string;
  /** The port of the proxy, 1 to 65535; conventionally 1080. */
  readonly port: number;
  /** The user (RFC 1929), 1 to 255 bytes in UTF-8. Requires `pass`. @default none */
  readonly user?: string | undefined;
  /**
   * The password of `user`, 0 to 255 bytes in UTF-8. No message and no detail contains it. It is sent as plain text: if that matters,
   * stack the plugin on `tlsClient`.
   *
   * @default none
   */
  readonly pass?: string | undefined;
  /** Where the target's name is resolved. `'local'` resolves it here and sends the first address. @default 'proxy' */
  readonly resolve?: 'proxy' | 'local' | undefined;
  /** Called instead of `dns.lookup` with `resolve: 'local'`. @default dns.lookup */
  readonly lookup?: Lookup | undefined;
}

const hasLength = ({ length }: Uint8Array, least: number, most: number): boolean => length >= least && length <= most;

/** RFC 1929 requires at least one byte for both, but empty passwords are in use. */
const ofBytes = (least: number, most: number): Rule => [
  `a string of ${least} to ${most} bytes in UTF-8`,
  (value) => typeof value === 'string' && hasLength(utf8(value), least, most),
];
const RULES: Rules = /* @__PURE__ */ Object.assign({}, PROXY_RULES, {
  user: /* @__PURE__ */ ofBytes(1, 255),
  pass: /* @__PURE__ */ ofBytes(0, 255),
});
const URLS: ProxyUrlRules = { caller: 'socks5', schemes: ['socks5:', 'socks5h:'], port: 1080 };

/**
 * Creates a plugin that connects through a SOCKS5 proxy (RFC 1928). It dials the proxy and requests the target.
 *
 * ```text
 *   application          socks5                      proxy              target
 *        │                  │── 05 n methods ─────────▶│                   │
 *        │                  │◀──────────── 05 method ──│                   │
 *        │                 (│── user, password ───────▶│   RFC 1929, when the proxy asks for it)
 *        │                  │── 05 01 00 host port ───▶│── connects ──────▶│
 *        │◀── connected ────│◀── 05 00 00 bound port ──│                   │
 *        │◀═════════════════════ bytes, both ways ════════════════════════▶│
 * ```
 *
 * The proxy resolves names, so that no DNS query is made here, unless `resolve` is `'local'`. Only CONNECT is supported, without
 * GSSAPI. To chain proxies, stack them: the first in the list is the last in the chain.
 *
 * `details.<name>` holds `boundAddress` and `boundPort`, the address from which the proxy reports to connect.
 *
 * **Errors**, all before any byte of the application is written:
 * - EPROXY: the proxy refuses (`status` is its reply code, `reply` the meaning), or ends before its reply is complete.
 * - EPROXYAUTH: the proxy requires other credentials, or a method that was not offered (no credentials are sent then).
 * - EPROTOCOL: the reply is not SOCKS5; reported at the first wrong byte.
 * - ETOHANDSHAKE: after `timeouts.handshake`.
 * - EDNS: `'local'` finds no address within `timeouts.resolve`.
 *
 * **Closing**
 * - Unsubscribing frees everything at once.
 *
 * **Backpressure**
 * - Lossless.
 *
 * ```ts
 * import { IOStream, socks5 } from 'rxjs-io-stream';
 *
 * new IOStream({ host: 'example.com', port: 80, plugin: { proxy: socks5({ host: '127.0.0.1', port: 1080 }) }, cb: console.log });
 * ```
 *
 * @param proxy the options, or a URL: `socks5://user:password@host:port` or `socks5h:`. User and password are percent-encoded and
 *   optional. The port is 1080 by default. The proxy resolves names with both schemes.
 * @throws TypeError for invalid options, at the call, without the credentials. For a stream without a target and for a path as target,
 *   at the dial.
 * @returns a plugin that reports the `SocksBound` of the connection.
 * @see docs/guides/proxies.md, {@link socks4}, {@link httpProxy}
 */
export function socks5(proxy: Socks5Options | string | URL): Plugin<SocksBound> {
  const options = isUrl(proxy) ? readProxyUrl(proxy, URLS) : proxy;
  const { host, port, user, pass, resolve, lookup } = checkOptions<Socks5Options>(options, {
    caller: 'socks5',
    rules: RULES,
    required: PROXY_REQUIRED,
  });
  if ((user === undefined) !== (pass === undefined)) throw new TypeError('expected `user` and `pass` of socks5 both or none, got one');
  const credentials = user === undefined || pass === undefined ? undefined : { user: utf8(user), pass: utf8(pass) };
  return (wire) => (dial) => {
    const target = proxyTarget(dial.to, 'socks5');
    const plugin = handshake({
      to: { host, port },
      early: EPROXY,
      *talk(link) {
        const asked = resolve === 'local' ? yield* link.wait(() => localAddress(target, dial, { lookup })) : target.host;
        return { ...(yield* socks5Connect(link, { host: asked, port: target.port }, credentials)) };
      },
    });
    return plugin(wire)(resolve === 'local' ? { ...dial, guard: undefined } : dial); // `localAddress` judges the address.
  };
}
