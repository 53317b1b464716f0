// Decides where a proxy may connect to. Checks the address that a name resolves to: `127.1` and `0x7f000001` are loopback too.
import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Target } from './target.ts';

export interface DestinationOptions {
  /** Allowed targets, such as `example.com`, `*.example.com`, `*:443`, `192.0.2.7:25` or `[2001:db8::7]:25`. @default all */
  readonly allow?: readonly string[] | undefined;
  /** Also allows addresses of this machine and of private networks, for a demonstration on one machine. @default false */
  readonly local?: boolean | undefined;
}

/** The error for a target that is not allowed. */
export class Forbidden extends Error {}

/** Whether the target was not allowed, before or after its name was resolved. */
export function isForbidden(error: unknown): boolean {
  return error instanceof Forbidden || (error instanceof Error && error.cause instanceof Forbidden);
}

type Answer = (error: Error | null, addresses: LookupAddress[]) => void;

/** Options of `connect`. */
export interface Guarded extends Target {
  readonly lookup: (name: string, options: LookupAllOptions, answer: Answer) => void;
}

/**
 * Returns the options of `connect` for an allowed target. Each address is checked after the lookup and before it is dialled.
 *
 * @param ownPort the port of the proxy. Connecting to itself is not allowed.
 * @throws Forbidden when the target is not allowed.
 */
export function guarded(target: Target, { allow, local = false }: DestinationOptions, ownPort: number | undefined): Guarded {
  const { host, port } = target;
  if (!/^[^\p{C}\p{Z}]+$/u.test(host)) throw new Forbidden('the host has spaces or control characters, or is empty');
  if (allow && !allow.some((pattern) => matches(pattern, target))) throw new Forbidden('the target is not on the list');
  const check = (address: string): void => {
    if (!local && !isPublic(address)) throw new Forbidden(`${address} belongs to this machine or a private network`);
    if (port === ownPort && isOwn(address)) throw new Forbidden('the target is the proxy itself');
  };
  if (isIP(host)) check(host);
  return {
    host,
    port,
    lookup(name, options, answer) {
      lookup(name, options, (error, addresses) => {
        try {
          if (!error) for (const { address } of addresses) check(address);
          answer(error, addresses);
        } catch (forbidden) {
          answer(forbidden as Forbidden, []);
        }
      });
    },
  };
}

function matches(pattern: string, { host, port }: Target): boolean {
  const [, name = '', digits] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(pattern) ?? [];
  if (digits !== undefined && Number(digits) !== port) return false;
  const [wanted, asked] = [name, host].map((text) => text.replace(/^\[|\]$|\.$/g, '').toLowerCase()) as [string, string];
  return wanted === '*' || (wanted.startsWith('*.') ? asked.endsWith(wanted.slice(1)) : asked === wanted);
}

/** Special-purpose addresses (RFC 6890 and its registries), and multicast. */
const SPECIAL = new BlockList();
for (const subnet of [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
])
  SPECIAL.addSubnet(subnet.split('/')[0]!, Number(subnet.split('/')[1]));
for (const subnet of ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])
  SPECIAL.addSubnet(subnet.split('/')[0]!, Number(subnet.split('/')[1]), 'ipv6');

/** IPv6 global unicast. Excludes mapped and translated IPv4 addresses. */
const GLOBAL = new BlockList();
GLOBAL.addSubnet('2000::', 3, 'ipv6');

export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !SPECIAL.check(address);
  return isIP(address) === 6 && !address.includes('%') && GLOBAL.check(address, 'ipv6') && !SPECIAL.check(address, 'ipv6');
}

/** Whether the address is of this machine: loopback, the unspecified address, or that of an interface. */
function isOwn(address: string): boolean {
  const own = new BlockList();
  own.addSubnet('127.0.0.0', 8);
  own.addSubnet('0.0.0.0', 8);
  own.addSubnet('::', 127, 'ipv6');
  for (const each of Object.values(networkInterfaces()).flatMap((list) => list ?? []))
    own.addAddress(each.address.replace(/%.*/, ''), each.family === 'IPv4' ? 'ipv4' : 'ipv6');
  return own.check(address.replace(/%.*/, ''), isIP(address) === 4 ? 'ipv4' : 'ipv6');
}
