import { EPROXY } from '../errors.ts';
import { socks5Connect } from '../protocol/socks5.ts';
import { PROXY_REQUIRED, SOCKS_RULES } from '../wire/proxy-options.ts';
import { localAddress, proxyTarget } from '../wire/proxy-target.ts';
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
  /** With `pass`: user and password of RFC 1929, 1 to 255 bytes each in UTF-8. @default none */
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  /** Who resolves a target's name; `'local'` sends the first address that is found here. @default 'proxy' */
  readonly resolve?: 'proxy' | 'local' | undefined;
  /** Asked instead of `dns.lookup` with `resolve: 'local'`. */
  readonly lookup?: Lookup | undefined;
}

const isCredential = (value: unknown): boolean => {
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : 0;
  return bytes > 0 && bytes <= 255;
};
const CREDENTIAL: Rule = ['a string of 1 to 255 bytes in UTF-8', isCredential];
const RULES: Rules = { ...SOCKS_RULES, user: CREDENTIAL, pass: CREDENTIAL };

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
 * when it wants other credentials or another method than offered (nothing is sent then); EPROTOCOL when it speaks something
 * else; ETOHANDSHAKE after `timeouts.handshake`; EDNS when `'local'` finds no address within `timeouts.resolve`. Unsubscribing
 * frees all at once. Lossless. User and password cross the wire as plain text: lay `tlsClient` below where that matters.
 *
 * ```ts
 * import { IOStream, socks5 } from 'rxjs-io-stream';
 *
 * new IOStream({ host: 'example.com', port: 80, plugin: { proxy: socks5({ host: '127.0.0.1', port: 1080 }) }, cb: console.log });
 * ```
 *
 * @throws TypeError for wrong options at the call, for a stream without a target, and for a path as target, at the dial.
 */
export function socks5(options: Socks5Options): Plugin {
  checkByRules('socks5', options, RULES, PROXY_REQUIRED);
  const { host, port, user, pass, resolve, lookup } = options;
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
