import { formatIp } from '../../protocol/ip-address.ts';
import { mappedIp, parsePlainIp } from '../../protocol/ip-list.ts';
import type { ProxyHeader } from '../../protocol/proxy-protocol-types.ts';
import type { Endpoints } from '../../wire/signal.ts';

/** Both ends of a relayed connection: a stream, a `net.Socket`, or an object with the same fields. */
export interface RelayedConnection extends Endpoints {
  /** The path of a client on a UNIX socket. Version 2 only. @default none */
  readonly remotePath?: string | undefined;
  /** The path of the UNIX socket that the client connected to. Version 2 only. @default none */
  readonly localPath?: string | undefined;
}

/** The addresses of a header. */
type Ends = Pick<ProxyHeader, 'transport' | 'client' | 'destination'>;

/**
 * Returns both ends as a header has them. If one end is IPv4 and the other IPv6, both become IPv6. If an address is not known, the
 * transport is UNKNOWN.
 */
export function relayedEnds({ remoteAddress, remotePort, localAddress, localPort, ...paths }: RelayedConnection): Ends {
  const { remotePath, localPath } = paths;
  if (remotePath !== undefined || localPath !== undefined)
    return { transport: 'UNIX', client: { path: remotePath ?? '' }, destination: { path: localPath ?? '' } };
  const from = parsePlainIp(remoteAddress ?? '');
  const to = parsePlainIp(localAddress ?? '');
  if (!from || !to || remotePort === undefined || localPort === undefined) return { transport: 'UNKNOWN' };
  const isV4 = from.length === 4 && to.length === 4;
  const [client = '', destination = ''] = [from, to].map((bytes) => formatIp(isV4 ? bytes : mappedIp(bytes)));
  return {
    transport: isV4 ? 'TCP4' : 'TCP6',
    client: { address: client, port: remotePort },
    destination: { address: destination, port: localPort },
  };
}
