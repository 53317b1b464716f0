import { randomBytes } from 'node:crypto';
import { tap } from 'rxjs';
import { httpProxy, listen, passthrough, socks5, tlsClient, tlsServer, type LayerDetails, type Plugin } from 'rxjs-io-stream';
import { connectProxy } from '../connect-proxy.ts';
import { socks5Server } from '../socks5-server.ts';
import { cert, key } from '../support/identity.ts';
import { started } from '../support/started.ts';

/** The embedded server: its address, and the plugins to reach it. */
export interface Embedded {
  readonly host: string;
  readonly port: number;
  readonly plugin: Readonly<Record<string, Plugin>>;
  /** Stops all servers and closes their connections. */
  readonly close: () => void;
}

/** Called when a layer is connected. */
export type Note = (layer: string, meaning: string) => void;

const HOST = '127.0.0.1';

/**
 * Starts a TLS echo server, and two proxies to reach it through.
 *
 * ```text
 *   file ⇄ TLS ⇄ CONNECT ⇄ SOCKS5 ⇄ tcp ═ SOCKS5 proxy ═ CONNECT proxy, with a password ═ TLS echo server
 * ```
 */
export async function embedded(note: Note): Promise<Embedded> {
  const [user, pass] = ['transfer', randomBytes(12).toString('base64url')];
  // A stream is an async iterable of the bytes it reads, so `io.send(io)` is an echo.
  const echo = await started(listen({ host: HOST, port: 0, plugin: { tls: tlsServer({ key, cert }) } }, (io) => io.send(io)));
  const connect = await started(connectProxy({ user, pass, local: true }));
  const socks = await started(socks5Server({ local: true }));
  return {
    host: 'localhost',
    port: echo.port,
    plugin: {
      tls: observed(tlsClient({ ca: cert }), ({ protocol, cipher, servername }) =>
        note('TLS', `${String(protocol)}, ${String(cipher)}; the certificate is that of ${String(servername)}`),
      ),
      connect: observed(httpProxy({ host: HOST, port: connect.port, user, pass }), ({ status, reply }) =>
        note('CONNECT', `the HTTP proxy said ${String(status)} ${String(reply)}`),
      ),
      socks: observed(socks5({ host: HOST, port: socks.port }), ({ boundAddress, boundPort }) =>
        note('SOCKS5', `the SOCKS proxy connects from ${String(boundAddress)} port ${String(boundPort)}`),
      ),
      tcp: observed(passthrough(), () => note('TCP', `to ${HOST} port ${socks.port}`)),
    },
    close: () => {
      for (const { stop } of [socks, connect, echo]) stop();
    },
  };
}

/** Wraps a plugin to observe its `connected` signal. A plugin is an operator, so `tap` gets each inbound signal. */
function observed(plugin: Plugin, onConnected: (details: LayerDetails) => void): Plugin {
  return (wire) => (dial) => (flow$) =>
    flow$.pipe(
      plugin(wire)(dial),
      tap((signal) => {
        if (signal.kind === 'connected') onConnected(signal.details[0] ?? {});
      }),
    );
}
