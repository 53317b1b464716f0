import type { Link } from './link.ts';
import { quoted } from './printable.ts';
import type { Secrets } from './secrets.ts';

/** The maximum number of received bytes that are quoted. */
const MAX_QUOTED = 40;

/** The first bytes of binary replies from peers that are often mistaken for another proxy. */
const PROTOCOLS: readonly (readonly [name: string, starts: readonly string[]])[] = [
  ['TLS; lay `tlsClient` below the plugin of the proxy', ['\x15\x03', '\x16\x03']],
  ['SOCKS5', ['\x05\x00', '\x05\x01', '\x05\x02', '\x05\xff']],
  ['SOCKS4', ['\x00\x5a', '\x00\x5b', '\x00\x5c', '\x00\x5d']],
];

/**
 * Quotes the first bytes of an invalid reply, as far as they have been received. Names the protocol of a binary reply, if known.
 *
 * @param read the part of the reply that was already read.
 * @param secrets texts that the peer may repeat and that errors must not contain.
 */
export function quoteReceived(link: Link, read: string, secrets: Secrets): string {
  const came = read + String.fromCharCode(...link.peek(MAX_QUOTED));
  const name = PROTOCOLS.find(([, starts]) => starts.some((start) => came.startsWith(start)))?.[0];
  const shown = secrets.hideCut(came.slice(0, MAX_QUOTED));
  return `${quoted(shown)}${came.length > MAX_QUOTED ? '…' : ''}${name === undefined ? '' : ` (${name})`}`;
}
