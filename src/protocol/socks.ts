import { EPROTOCOL, EPROXY, IOStreamError, type ErrorCode } from '../errors.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';
import { Secrets } from './secrets.ts';
import { quoteReceived } from './quote-received.ts';

// Shared by SOCKS 4 and 5.

/** The target of a proxy request: an address, or a name in ASCII. */
export interface SocksTarget {
  readonly host: string;
  readonly port: number;
}

/** The local address of the proxy's connection, as the proxy reports it. Many proxies report only zeros. */
export interface SocksBound {
  /** The address, or a name with its control characters escaped. */
  readonly boundAddress: string;
  /** The port; 0 if the proxy does not report it. */
  readonly boundPort: number;
}

/** The maximum length of a name in bytes: SOCKS5 has a one-byte length, and DNS allows no more. */
const NAME_LIMIT = 255;

const TEXT = /* @__PURE__ */ new TextEncoder();

/** Returns the bytes of a name. Throws if it is empty, too long or contains NUL. Never resolves it locally instead. */
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

/** Creates the error for a refusal. @param what what the proxy did. */
export function socksRefusal(code: ErrorCode, what: string, status: number, reply: string): IOStreamError {
  return new IOStreamError(code, {
    phase: 'handshake',
    message: `the SOCKS proxy ${what} (${status}: ${reply})`,
    facts: { status, reply },
  });
}

/** The expected first byte of a reply. */
export interface SocksVersion {
  readonly proxy: 'SOCKS4' | 'SOCKS5';
  /** The name of the reply, for the message. */
  readonly where: string;
  readonly version: number;
  /** An alternative version that is also accepted. */
  readonly or?: number;
}

/** Reads the version of a reply. Throws EPROTOCOL at the first byte if it is not the expected one. */
export function* readVersion(link: Link, { proxy, where, version, or }: SocksVersion, secrets: Secrets = new Secrets()): Talk<void> {
  const [got = -1] = yield* link.read(1);
  if (got === version || got === or) return;
  const came = quoteReceived(link, String.fromCharCode(got), secrets);
  const message = `the ${where} has version ${got} instead of ${version}: ${came}; is it a ${proxy} proxy?`;
  throw new IOStreamError(EPROTOCOL, { phase: 'handshake', message });
}
