import { randomBytes } from 'node:crypto';
import { httpProxy, listen, passthrough, socks5, tlsClient, tlsServer } from 'rxjs-io-stream';
import { connectProxy } from '../connect-proxy.ts';
import { socks5Server } from '../socks5-server.ts';
import { cert, key } from '../support/identity.ts';
import { started } from '../support/started.ts';
import type { Layer } from './meter.ts';

/** The embedded server: its address, and the layers to reach it. */
export interface Embedded {
  readonly host: string;
  readonly port: number;
  readonly layers: Readonly<Record<string, Layer>>;
  /** Stops all servers and closes their connections. */
  readonly close: () => void;
}

const HOST = '127.0.0.1';

/**
 * Starts a TLS echo server, and two proxies to reach it through.
 *
 * ```text
 *   file ⇄ TLS ⇄ CONNECT ⇄ SOCKS5 ⇄ tcp ═ SOCKS5 proxy ═ CONNECT proxy, with a password ═ TLS echo server
 * ```
 */
export async function embedded(): Promise<Embedded> {
  const [user, pass] = ['transfer', randomBytes(12).toString('base64url')];
  // A stream is an async iterable of the bytes it reads, so `io.send(io)` is an echo.
  const echo = await started(listen({ host: HOST, port: 0, plugin: { tls: tlsServer({ key, cert }) } }, (io) => io.send(io)));
  const connect = await started(connectProxy({ user, pass, local: true }));
  const socks = await started(socks5Server({ local: true }));
  return {
    host: 'localhost',
    port: echo.port,
    layers: {
      tls: {
        label: 'TLS',
        plugin: tlsClient({ ca: cert }),
        describe({ protocol, cipher, servername }) {
          const fact = `${String(protocol)}, ${String(cipher)}`;
          return [fact, `${fact}; the certificate is that of ${String(servername)}`];
        },
      },
      connect: {
        label: 'CONNECT',
        plugin: httpProxy({ host: HOST, port: connect.port, user, pass }),
        describe({ status, reply }) {
          const fact = `${String(status)} ${String(reply)}`;
          return [fact, `the HTTP proxy said ${fact}`];
        },
      },
      socks: {
        label: 'SOCKS5',
        plugin: socks5({ host: HOST, port: socks.port }),
        describe({ boundAddress, boundPort }) {
          const fact = `from ${String(boundAddress)} port ${String(boundPort)}`;
          return [fact, `the SOCKS proxy connects ${fact}`];
        },
      },
      tcp: tcpLayer(`to ${HOST} port ${socks.port}`),
    },
    close: () => {
      for (const { stop } of [socks, connect, echo]) stop();
    },
  };
}

/** The wire, as a layer that changes nothing. */
export const tcpLayer = (fact: string): Layer => ({ label: 'TCP', plugin: passthrough(), describe: () => [fact, fact] });
