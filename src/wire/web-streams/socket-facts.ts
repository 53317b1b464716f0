import { isObject } from '../../util/value-tests.ts';
import type { Endpoints } from '../signal.ts';
import type { WebStreamsSocket } from './web-streams-socket.ts';

/**
 * Returns the addresses of both ends, in each form in which the runtimes report them.
 *
 * | from | form |
 * |---|---|
 * | WinterTC `connect` | `opened` resolves with `remoteAddress: '192.0.2.1:443'` |
 * | Direct Sockets | `opened` resolves with `remoteAddress: '192.0.2.1'` and `remotePort: 443` |
 * | Deno | the socket has `remoteAddr: { hostname: '192.0.2.1', port: 443 }` |
 */
export function socketEndpoints(socket: object, info: unknown): Endpoints {
  const given = isObject(info) ? info : {};
  const { remoteAddr, localAddr } = socket as { remoteAddr?: unknown; localAddr?: unknown };
  const [remoteAddress, remotePort] = endpoint(given.remoteAddress, given.remotePort, remoteAddr);
  const [localAddress, localPort] = endpoint(given.localAddress, given.localPort, localAddr);
  return { remoteAddress, remotePort, localAddress, localPort };
}

function endpoint(address: unknown, port: unknown, deno: unknown): readonly [string | undefined, number | undefined] {
  if (isObject(deno) && address === undefined) return endpoint(deno.hostname, deno.port, undefined);
  if (typeof address !== 'string') return [undefined, undefined];
  if (typeof port === 'number') return [address, port];
  // The last colon of `host:port` and `[v6]:port`, but none of a bare IPv6 address.
  const [, host, bare, digits] = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(address) ?? [];
  return digits === undefined ? [address, undefined] : [host ?? bare, Number(digits)];
}

/** The handle of a connection over `webStreams`: `io.fh`. Has the addresses under the names of `net.Socket`. */
export class WebStreamsHandle implements Endpoints {
  /** The socket that the function of `webStreams` returned. */
  readonly socket: WebStreamsSocket;
  declare readonly remoteAddress?: string | undefined;
  declare readonly remotePort?: number | undefined;
  declare readonly localAddress?: string | undefined;
  declare readonly localPort?: number | undefined;

  constructor(socket: WebStreamsSocket, endpoints: Endpoints) {
    this.socket = socket;
    Object.assign(this, endpoints);
  }

  ref(): void {
    this.socket.ref?.();
  }

  unref(): void {
    this.socket.unref?.();
  }
}
