import type { Socket } from 'node:net';
import type { TlsClientOptions } from '../plugins/tls/tls-client.ts';
import type { IOStreamOptions } from '../stream/io-stream.ts';
import { isTls } from '../plugins/tls/tls-plugins.ts';
import { ownOptions } from '../util/own-options.ts';
import { pluginEntries, type Plugins } from '../wire/stack.ts';
import { dialDuplex } from './dial-duplex.ts';
import { requestOf } from './dial-target.ts';
import { nextTick } from './next-tick.ts';
import { TlsPool } from './tls-pool.ts';
import { whenCreated } from './when-created.ts';

/** What undici passes to a connector. */
export interface UndiciConnectOptions {
  /** The host name or address, without brackets. */
  readonly hostname: string;
  /** The protocol of the origin: `'https:'` adds TLS. */
  readonly protocol: string;
  /** The port in decimal digits; `''` is 443 or 80. */
  readonly port: string;
  /** The name to check and to send by SNI. @default `servername` in `tls`, or `hostname` */
  readonly servername?: string | null | undefined;
  /** The address to connect from. @default that of the dialer */
  readonly localAddress?: string | null | undefined;
  /** A UNIX socket to connect to instead. @default none */
  readonly socketPath?: string | null | undefined;
  /** Whether to offer HTTP/2: `allowH2` of undici's Agent. @default `ALPNProtocols` in `tls`, or HTTP/1.1 only */
  readonly allowH2?: boolean | undefined;
}

/** A function for the `connect` option of undici's `Agent`, `Pool` and `Client`. */
export type UndiciConnector = (options: UndiciConnectOptions, callback: (...result: [null, Socket] | [Error, null]) => void) => void;

/** Milliseconds until the first probe of an idle connection, as in undici's own connector. */
const KEEP_ALIVE_DELAY = 60_000;

/** Creates the connector of a dialer. A topmost TLS plugin is the TLS of the origin; otherwise `https:` adds one with the options `tls`. */
export function undiciConnector(stream: IOStreamOptions, plugin: Plugins, tls: TlsClientOptions): UndiciConnector {
  const pool = new TlsPool();
  const plugins = pluginEntries(plugin);
  const hasOwnTls = plugins[0] !== undefined && isTls(plugins[0][1]);

  const pluginsFor = (options: UndiciConnectOptions): Plugins => {
    if (options.protocol !== 'https:' || hasOwnTls) return plugins;
    const wanted = tlsOptionsFor(options, tls);
    return [['https', pool.client(pool.digest(wanted), wanted)], ...plugins];
  };

  return (given, callback) => {
    try {
      const options = ownOptions(given, 'the connector of a dialer');
      const { hostname, protocol, port, localAddress, socketPath } = options;
      const target = { host: hostname, port: port || (protocol === 'https:' ? 443 : 80), path: socketPath };
      const request = requestOf({
        ...target,
        localAddress: localAddress ?? undefined,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_DELAY,
      });
      const duplex = dialDuplex(request, stream, pluginsFor(options));
      whenCreated(duplex, (error) => (error ? callback(error, null) : callback(null, duplex as unknown as Socket)));
    } catch (error) {
      nextTick(() => callback(error as Error, null));
    }
  };
}

function tlsOptionsFor({ servername, allowH2 }: UndiciConnectOptions, tls: TlsClientOptions): TlsClientOptions {
  const offered = allowH2 === undefined ? (tls.ALPNProtocols ?? ['http/1.1']) : allowH2 ? ['h2', 'http/1.1'] : ['http/1.1'];
  return { ...tls, ...(servername ? { servername } : {}), ALPNProtocols: offered };
}
