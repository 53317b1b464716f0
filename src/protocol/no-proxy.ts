import { parseIp } from './ip-address.ts';
import { hasSamePrefix } from './ip-prefix.ts';

/**
 * Whether the value of NO_PROXY exempts a host from proxies, by the rules of curl.
 *
 * - `*` alone exempts every host.
 * - Otherwise, names and addresses are separated by commas. Blanks around them are ignored. A blank between two of them ends the list.
 * - A name exempts itself and its subdomains. A dot at its start or end has no meaning, and neither has case.
 * - An address exempts itself, `address/bits` all addresses with the same first bits. 0 bits count as all of them.
 * - Ports and brackets match nothing.
 *
 * @param host a name in ASCII, or an address without brackets and zone.
 */
export function isExempt(host: string, list: string): boolean {
  if (list === '*') return true;
  const address = parseIp(host);
  const name = withoutEndDot(host).toLowerCase();
  return entriesOf(list).some((entry) => (address ? matchesAddress(address, entry) : matchesName(name, entry)));
}

/** Returns the entries up to the first that is followed by a blank and no comma. */
function entriesOf(list: string): string[] {
  const entries: string[] = [];
  for (const item of list.split(',')) {
    const words = item.split(/[ \t]+/).filter(Boolean);
    if (words[0] !== undefined) entries.push(words[0]);
    if (words.length > 1) break;
  }
  return entries;
}

function matchesName(name: string, entry: string): boolean {
  const domain = withoutEndDot(entry).replace(/^\./, '').toLowerCase();
  return name === domain || name.endsWith(`.${domain}`);
}

function matchesAddress(address: Uint8Array, entry: string): boolean {
  const [network = '', ...rest] = entry.split('/');
  const all = 8 * address.length;
  if (rest.length > 1 || (rest[0] !== undefined && !/^\d+$/.test(rest[0]))) return false;
  const bits = Number(rest[0] ?? 0) || all;
  const parsed = parseIp(network);
  return bits <= all && parsed !== undefined && hasSamePrefix(address, parsed, bits);
}

function withoutEndDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
