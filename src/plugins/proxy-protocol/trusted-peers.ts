import { isInRange, parsePlainIp, plainIp } from '../../protocol/ip-list.ts';
import { parseIpRanges } from '../../protocol/ip-ranges.ts';
import { describeWithType } from '../../util/describe.ts';

/** The other end of a connection, which may be a proxy. */
export interface ProxyPeer {
  /** The address; an IPv4 address that is mapped to IPv6 as IPv4. Undefined for a UNIX socket, and if the peer has left already. */
  readonly address: string | undefined;
  /** The port. Undefined where the address is. */
  readonly port: number | undefined;
}

/** Which peers are proxies: addresses and CIDR ranges, or a function. */
export type TrustedPeers = readonly string[] | ((peer: ProxyPeer) => boolean);

/**
 * Creates the test for a trusted peer. A peer without an address is in no list.
 *
 * @throws TypeError for an entry that is no address. The test throws if the function returns anything but a boolean: a Promise is
 *   never trust.
 */
export function trustTest(trusted: TrustedPeers): (peer: ProxyPeer) => boolean {
  if (typeof trusted === 'function')
    return (peer) => {
      const answer: unknown = trusted(peer);
      if (typeof answer === 'boolean') return answer;
      throw new TypeError(`expected \`trusted\` of acceptProxyProtocol to return a boolean, got ${describeWithType(answer)}`);
    };
  const ranges = parseIpRanges(trusted, { name: 'trusted', caller: 'acceptProxyProtocol' });
  return ({ address }) => {
    const bytes = address === undefined ? undefined : parsePlainIp(address);
    return bytes !== undefined && ranges.some((range) => isInRange(bytes, range));
  };
}

/** The peer at the other end, from its address and port. */
export function peerOf(address: string | undefined, port: number | undefined): ProxyPeer {
  return { address: address === undefined ? undefined : plainIp(address), port };
}
