import { parseIp } from './ip-address.ts';
import { hasSamePrefix } from './ip-prefix.ts';

/** A range of addresses that are not those of one host on the internet. */
interface SpecialRange {
  readonly network: Uint8Array;
  readonly bits: number;
  /** Its purpose, prefix and specification. */
  readonly words: string;
}

/**
 * The IANA registries of special-purpose addresses (RFC 6890) for IPv4 and IPv6, with multicast and deprecated ranges. Leaves out what they list as
 * globally reachable services of one host (AS112, AMT). The first match is reported, so smaller ranges come first.
 */
const SPECIAL: readonly SpecialRange[] = [
  ['255.255.255.255/32', 'limited broadcast', 'RFC 919 section 7'],
  ['0.0.0.0/8', 'unspecified, this network', 'RFC 791 section 3.2'],
  ['10.0.0.0/8', 'private', 'RFC 1918 section 3'],
  ['100.64.0.0/10', 'shared by a carrier (CGNAT)', 'RFC 6598 section 7'],
  ['127.0.0.0/8', 'loopback', 'RFC 1122 section 3.2.1.3'],
  ['169.254.0.0/16', 'link-local', 'RFC 3927 section 2.1'],
  ['172.16.0.0/12', 'private', 'RFC 1918 section 3'],
  ['192.0.0.0/24', 'IETF protocol assignments', 'RFC 6890 section 2.1'],
  ['192.0.2.0/24', 'documentation', 'RFC 5737 section 3'],
  ['192.88.99.0/24', '6to4 relay', 'RFC 7526 section 4'],
  ['192.168.0.0/16', 'private', 'RFC 1918 section 3'],
  ['198.18.0.0/15', 'benchmarking', 'RFC 2544'],
  ['198.51.100.0/24', 'documentation', 'RFC 5737 section 3'],
  ['203.0.113.0/24', 'documentation', 'RFC 5737 section 3'],
  ['224.0.0.0/4', 'multicast', 'RFC 1112 section 4'],
  ['240.0.0.0/4', 'reserved', 'RFC 1112 section 4'],
  ['::/128', 'unspecified', 'RFC 4291 section 2.5.2'],
  ['::1/128', 'loopback', 'RFC 4291 section 2.5.3'],
  ['::/96', 'IPv4-compatible', 'RFC 4291 section 2.5.5.1'],
  ['::ffff:0:0/96', 'IPv4-mapped', 'RFC 4291 section 2.5.5.2'],
  ['::ffff:0:0:0/96', 'IPv4-translated', 'RFC 7915 section 1'],
  ['64:ff9b::/96', 'NAT64', 'RFC 6052 section 2.1'],
  ['64:ff9b:1::/48', 'NAT64 of a local network', 'RFC 8215'],
  ['100::/64', 'discard-only', 'RFC 6666'],
  ['2001::/32', 'Teredo', 'RFC 4380 section 2.6'],
  ['2001::/23', 'IETF protocol assignments', 'RFC 2928'],
  ['2001:db8::/32', 'documentation', 'RFC 3849'],
  ['2002::/16', '6to4', 'RFC 3056 section 2'],
  ['3fff::/20', 'documentation', 'RFC 9637'],
  ['5f00::/16', 'SRv6 segment identifiers', 'RFC 9602'],
  ['fc00::/7', 'unique local, private', 'RFC 4193 section 3.1'],
  ['fe80::/10', 'link-local', 'RFC 4291 section 2.5.6'],
  ['fec0::/10', 'site-local', 'RFC 3879'],
  ['ff00::/8', 'multicast', 'RFC 4291 section 2.7'],
].map(([range = '', purpose = '', specification = '']) => {
  const [network = '', bits = ''] = range.split('/');
  return { network: bytesOf(network), bits: Number(bits), words: `${purpose} (${range}, ${specification})` };
});

/** All addresses of IPv6 that are assigned to hosts on the internet. */
const GLOBAL_UNICAST: readonly [Uint8Array, number] = [bytesOf('2000::'), 3];

/** Returns what an address is if it is none of one host on the internet, as purpose, prefix and specification; otherwise undefined. */
export function specialPurposeOf(address: Uint8Array): string | undefined {
  const found = SPECIAL.find(({ network, bits }) => hasSamePrefix(address, network, bits));
  if (found) return found.words;
  const isGlobal = address.length === 4 || hasSamePrefix(address, ...GLOBAL_UNICAST);
  return isGlobal ? undefined : 'not global unicast (2000::/3, RFC 4291 section 2.4)';
}

function bytesOf(address: string): Uint8Array {
  return parseIp(address) ?? new Uint8Array();
}
