import { Observable } from 'rxjs';
import { EPROXY } from '../../errors.ts';
import { handshake } from '../../layers/handshake.ts';
import type { Tunnel } from '../../protocol/connect-request.ts';
import { ipFamily } from '../../protocol/ip-address.ts';
import type { Plugin, Up } from '../../wire/signal.ts';
import { checkedOptions, type HttpProxyOptions } from './http-proxy-options.ts';
import { isPort } from './proxy-options.ts';
import { localAddress, proxyTarget, type HostAndPort } from './proxy-target.ts';
import { isUrl, readProxyUrl, type ProxyUrlRules } from './proxy-url.ts';
import { TunnelRequest } from './tunnel-request.ts';
import { TunnelRetry } from './tunnel-retry.ts';

const URLS: ProxyUrlRules = {
  caller: 'httpProxy',
  schemes: ['http:'],
  port: 80,
  advice: { 'https:': "for TLS to the proxy, lay `tlsClient` below: { proxy: httpProxy('http://host:443'), tls: tlsClient() }" },
};

/**
 * Creates a plugin that connects through an HTTP proxy, by CONNECT (RFC 9110 section 9.3.6).
 *
 * ```text
 *   application             httpProxy                wire ═ proxy
 *        │                     │◀──── connected ─────│   to the proxy's host and port
 *        │                     │────── data ────────▶│   CONNECT example.com:443 HTTP/1.1, Host, Proxy-Authorization, headers
 *        │                     │◀───── data ─────────│   HTTP/1.1 200 OK and headers, up to an empty line
 *        │◀──── connected ─────│                     │   details: status, reply, headers
 *        │◀═══════════════ bytes, both ways ════════▶│ ═ target
 * ```
 *
 * Any 2xx opens the tunnel. No byte of the application is written before. The proxy resolves the target's name, unless `resolve` is
 * `'local'`.
 *
 * To chain proxies, stack them: `{ b: httpProxy(second), a: httpProxy(first) }` dials `first`. For TLS to the proxy, stack it on
 * `tlsClient`: `{ proxy: httpProxy(…), tls: tlsClient() }`.
 *
 * **Errors**, all in phase `handshake`, without the credentials:
 * - EPROXY: the proxy refuses, or closes before its reply is complete. A refusal has `status`, `reply`, `headers` and `body`.
 * - EPROXYAUTH: a 407, with the same fields and the parsed `challenges`; or `auth` failed.
 * - EPROTOCOL: a malformed head, reported at the first wrong byte, or one larger than 16 KiB.
 * - ETOHANDSHAKE: after `timeouts.handshake`.
 * - EDNS: `'local'` finds no address within `timeouts.resolve`.
 * - The system's code, if the connection breaks before a refusal.
 *
 * **Closing**
 * - Unsubscribing frees everything at once.
 *
 * **Backpressure**
 * - Lossless.
 *
 * ```ts
 * import { IOStream, httpProxy } from 'rxjs-io-stream';
 *
 * const proxy = httpProxy({ host: '127.0.0.1', port: 3128, user: 'me', pass: 'secret' });
 * const io = new IOStream({ host: 'example.com', port: 80, plugin: { proxy } });
 * io.write('GET / HTTP/1.0\r\nHost: example.com\r\n\r\n');
 * io.data$.subscribe({ next: (bytes) => process.stdout.write(bytes), error: console.error });
 * ```
 *
 * @param proxy the options, read once; or a URL: `http://user:password@host:port`. User and password are percent-encoded and optional.
 *   The port is 80 by default.
 * @throws TypeError for invalid options, at the call, without the credentials. At the dial, if there is no target, it is a path, or
 *   its host has characters that no name has.
 * @returns a plugin that reports the `Tunnel` of the connection.
 * @see docs/guides/proxies.md for logins and refusals, {@link socks5}, {@link tlsClient}
 */
export function httpProxy(proxy: HttpProxyOptions | string | URL): Plugin<Tunnel> {
  const { to, authorization, secrets, resolve, lookup, ...options } = checkedOptions(isUrl(proxy) ? readProxyUrl(proxy, URLS) : proxy);
  return (wire) => (dial) => {
    const target = proxyTarget(dial.to, 'httpProxy');
    const request = { ...options, authority: authorityOf(target) };
    const isLocal = resolve === 'local';
    const below = wire({ ...dial, to, guard: undefined });
    return (flow$) =>
      new Observable<Up>((up) => {
        const attempts = new TunnelRequest(request, dial, { authorization, secrets });
        const plugin = handshake({
          to,
          early: EPROXY,
          *talk(link) {
            // Once for all connections of `auth`: the guard has judged this address.
            if (isLocal)
              attempts.authority ??= authorityOf({ ...target, host: yield* link.wait(() => localAddress(target, dial, { lookup })) });
            return yield* attempts.talk(link);
          },
        });
        const tunnel = plugin(() => attempts.watch(below))(isLocal ? { ...dial, guard: undefined } : dial);
        if (request.auth) new TunnelRetry(up).start(flow$, tunnel);
        else flow$.pipe(tunnel).subscribe(up);
      });
  };
}

/** Returns host and port in the form of the request line (RFC 9112 section 3.2.3). */
function authorityOf({ host, port }: HostAndPort): string {
  const isV6 = ipFamily(host) === 6 && !host.includes('%'); // A zone has no meaning on another machine.
  if (!isV6 && !/^[\w.~-]+$/.test(host))
    throw new TypeError("expected the target's `host` to be a name or an address that can be sent to a proxy, got something else");
  if (!isPort(port)) throw new TypeError(`expected the target's \`port\` to be an integer from 1 to 65535, got ${String(port)}`);
  return `${isV6 ? `[${host}]` : host}:${port}`;
}
