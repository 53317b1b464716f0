import { EPROXY, IOStreamError } from '../errors.ts';
import { parseIp, formatIp } from './ip-address.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';
import { nameBytes, portBytes, portOf, readVersion, socksRefusal, type SocksBound, type SocksTarget } from './socks.ts';

const VERSION = 4;
const CONNECT = 1;
const REPLY_VERSION = 0;
const GRANTED = 90;
/** An invalid address that announces a name (SOCKS4a). */
const NAME_FOLLOWS = Uint8Array.of(0, 0, 0, 1);

const REPLIES: Readonly<Record<number, string>> = {
  91: 'request rejected or failed',
  92: 'request rejected because the proxy cannot connect to identd on the client',
  93: 'request rejected because identd and the client report different users',
};

/**
 * Requests a connection to an IPv4 address from a SOCKS4 proxy, or to a name from a SOCKS4a proxy.
 *
 * ```text
 *   client                                                 proxy
 *   04 | 01 | port | address | user id | 00 [| name | 00] ───▶
 *                                   ◀─── 00 | reply | port | address
 * ```
 *
 * @param userId bytes without NUL.
 */
export function* socks4Connect(link: Link, { host, port }: SocksTarget, userId: Uint8Array): Talk<SocksBound> {
  const { address, name } = destinationOf(host);
  link.send(Uint8Array.of(VERSION, CONNECT, ...portBytes(port), ...address, ...userId, 0, ...name));
  yield* readVersion(link, { proxy: 'SOCKS4', where: 'reply', version: REPLY_VERSION });
  const [status = 0] = yield* link.read(1);
  // Thrown at once: the bytes after a refusal have no meaning, and some proxies omit them.
  if (status !== GRANTED) throw socksRefusal(EPROXY, 'refused the connection', status, REPLIES[status] ?? 'unassigned');
  const boundPort = portOf(yield* link.read(2));
  return { boundAddress: formatIp(yield* link.read(4)), boundPort };
}

function destinationOf(host: string): { readonly address: Uint8Array; readonly name: readonly number[] } {
  const address = parseIp(host);
  if (address?.length === 16) {
    const message = 'expected an IPv4 address or a name as target of SOCKS4, got an IPv6 address; SOCKS5 has them';
    throw new IOStreamError(EPROXY, { phase: 'handshake', message });
  }
  // 0.0.0.x sent as an address would announce a name.
  if (address && (address[0] || address[1] || address[2] || !address[3])) return { address, name: [] };
  return { address: NAME_FOLLOWS, name: [...nameBytes(host), 0] };
}
