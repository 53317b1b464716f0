import { EPROTOCOL, EPROXY, IOStreamError, type ErrorCode } from '../errors.ts';
import type { Link, Talk } from './link.ts';
import { Secrets } from './secrets.ts';
import { whatCame } from './what-came.ts';

// What SOCKS 4 and 5 have in common.

/** What the proxy is asked to connect to: an address, or a name in ASCII. */
export interface SocksTarget {
  readonly host: string;
  readonly port: number;
}

/** The address from which the proxy connected, as it tells it; many tell only zeros. */
export interface SocksBound {
  readonly boundAddress: string;
  readonly boundPort: number;
}

/** How long a name may be: SOCKS5 has one byte for its length, and DNS allows no more anyway. */
const NAME_LIMIT = 255;

const TEXT = new TextEncoder();

/** The bytes of a name. One that does not fit is an error: it is never resolved here instead. */
export function nameBytes(name: string): Uint8Array {
  const bytes = TEXT.encode(name);
  if (bytes.length > 0 && bytes.length <= NAME_LIMIT && !bytes.includes(0)) return bytes;
  const got = bytes.includes(0) ? 'one with NUL' : `${bytes.length} bytes${bytes.length > 0 ? ', which is too long' : ''}`;
  throw new IOStreamError(EPROXY, {
    phase: 'handshake',
    message: `expected a target host of 1 to ${NAME_LIMIT} bytes for SOCKS, got ${got}`,
  });
}

export function portBytes(port: number): readonly [number, number] {
  return [port >> 8, port & 255];
}

export function portOf([high = 0, low = 0]: Uint8Array): number {
  return (high << 8) | low;
}

/** What the proxy says no with: its number in `status`, what that means in `reply`. */
export function refusal(code: ErrorCode, expected: string, status: number, reply: string): IOStreamError {
  return new IOStreamError(code, {
    phase: 'handshake',
    message: `expected ${expected}, the SOCKS proxy answered ${status}: ${reply}`,
    facts: { status, reply },
  });
}

/** The byte that each reply begins with. */
export interface SocksVersion {
  readonly proxy: 'SOCKS4' | 'SOCKS5';
  /** Which reply, for the message. */
  readonly where: string;
  readonly version: number;
  /** Another that means the same. */
  readonly or?: number;
}

/** Reads the version of a reply: what can be none is EPROTOCOL at its first byte. */
export function* readVersion(link: Link, { proxy, where, version, or }: SocksVersion, secrets: Secrets = new Secrets()): Talk<void> {
  const [got = -1] = yield* link.read(1);
  if (got === version || got === or) return;
  const came = whatCame(link, String.fromCharCode(got), secrets);
  const message = `expected version ${version} in the ${where}, got ${got} in ${came}; is it a ${proxy} proxy?`;
  throw new IOStreamError(EPROTOCOL, { phase: 'handshake', message });
}
