import { EPROXY } from '../errors.ts';
import type { SocksBound } from '../protocol/socks.ts';
import { socks5Connect } from '../protocol/socks5.ts';
import { PROXY_REQUIRED, SOCKS_RULES } from '../wire/proxy-options.ts';
import { localAddress, proxyTarget } from '../wire/proxy-target.ts';
import { isUrl, readProxyUrl, type ProxyUrlRules } from '../wire/proxy-url.ts';
import type { Lookup } from '../wire/resolve.ts';
import { checkByRules, type Rule, type Rules } from '../wire/rules.ts';
import type { Plugin } from '../wire/signal.ts';
import { handshake } from './handshake.ts';

/** Where the proxy is, and how it is asked. */
export interface Socks5Options {
  /** The name or address of the proxy; one of IPv6 may stand in brackets. */
  readonly host: string;
  /** The port of the proxy, 1 to 65535; 1080 by custom. */
  readonly port: number;
  /** With `pass`: the user of RFC 1929, 1 to 255 bytes in UTF-8. @default none */
  readonly user?: string | undefined;
  /** The password of `user`, 0 to 255 bytes in UTF-8. */
  readonly pass?: string | undefined;
  /** Who resolves a target's name; `'local'` sends the first address that is found here. @default 'proxy' */
  readonly resolve?: 'proxy' | 'local' | undefined;
  /** Asked instead of `dns.lookup` with `resolve: 'local'`. */
  readonly lookup?: Lookup | undefined;
}

/** RFC 1929 wants a byte at least of both; an empty password is in use all the same. */
const ofBytes = (least: number, most: number): Rule => [
  `a string of ${least} to ${most} bytes in UTF-8`,
  (value) => typeof value === 'string' && Buffer.byteLength(value) >= least && Buffer.byteLength(value) <= most,
];
const RULES: Rules = { ...SOCKS_RULES, user: ofBytes(1, 255), pass: ofBytes(0, 255) };
const URLS: ProxyUrlRules = { caller: 'socks5', schemes: ['socks5:', 'socks5h:'], port: 1080 };

/**
 * Makes a plugin that connects through a SOCKS5 proxy (RFC 1928): it dials the proxy, and asks it for the target.
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
 * The proxy resolves names, unless `resolve: 'local'`: no name of a target is asked for here. IPv6 addresses may stand in
 * brackets, names that are not ASCII are sent as IDNA says. `details.<name>` holds `boundAddress` and `boundPort`, from which
 * the proxy says it connects. Only CONNECT; no GSSAPI. Proxies chain by stacking: the first in the list is the last in the chain.
 *
 * Errors, all before any byte of the application has left: EPROXY when the proxy refuses (`status` is its reply code, `reply`
 * what that means), when it ends before its answer is whole, and when the target's name is longer than 255 bytes; EPROXYAUTH
 * when it wants other credentials or another method than offered (nothing is sent then); EPROTOCOL, at the first wrong byte, when it
 * speaks something else; ETOHANDSHAKE after `timeouts.handshake`; EDNS when `'local'` finds no address within `timeouts.resolve`.
 * No message and no detail contains the password, and a `boundAddress` that is a name has its control characters escaped.
 * Unsubscribing frees all at once. Lossless. User and password cross the wire as plain text: lay `tlsClient` below where that matters.
 *
 * ```ts
 * import { IOStream, socks5 } from 'rxjs-io-stream';
 *
 * new IOStream({ host: 'example.com', port: 80, plugin: { proxy: socks5({ host: '127.0.0.1', port: 1080 }) }, cb: console.log });
 * ```
 *
 * @param proxy where the proxy is, and how it is asked. A URL, as a text or an object, is `socks5://user:password@host:port`, with
 *   user and password percent-encoded or left out, port 1080 by default. The proxy resolves names, as with `socks5h:`.
 * @throws TypeError for wrong options at the call, without any part of the credentials, for a stream without a target, and for a path as target, at the dial.
 */
export function socks5(proxy: Socks5Options | string | URL): Plugin<SocksBound> {
  const options = isUrl(proxy) ? readProxyUrl(proxy, URLS) : proxy;
  const { host, port, user, pass, resolve, lookup } = checkByRules<Socks5Options>('socks5', options, RULES, PROXY_REQUIRED);
  if ((user === undefined) !== (pass === undefined)) throw new TypeError('expected `user` and `pass` of socks5 both or none, got one');
  const credentials = user === undefined || pass === undefined ? undefined : { user: Buffer.from(user), pass: Buffer.from(pass) };
  return (wire) => (dial) => {
    const target = proxyTarget(dial.to, 'socks5');
    const plugin = handshake({
      to: { host, port },
      early: EPROXY,
      *talk(link) {
        const asked = resolve === 'local' ? yield* link.wait(() => localAddress(target.host, dial, { lookup })) : target.host;
        return { ...(yield* socks5Connect(link, { host: asked, port: target.port }, credentials)) };
      },
    });
    return plugin(wire)(dial);
  };
}
