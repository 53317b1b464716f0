import { EPROTOCOL, EPROXY, EPROXYAUTH, IOStreamError } from '../errors.ts';
import { ipBytes, ipText } from './ip-address.ts';
import type { Link, Talk } from './link.ts';
import { nameBytes, portBytes, portOf, refusal, type SocksBound, type SocksTarget } from './socks.ts';

/** User and password of RFC 1929, 1 to 255 bytes each. */
export interface Socks5Credentials {
  readonly user: Uint8Array;
  readonly pass: Uint8Array;
}

const VERSION = 5;
const AUTH_VERSION = 1;
const NO_AUTHENTICATION = 0;
const USERNAME_PASSWORD = 2;
const NO_ACCEPTABLE_METHODS = 0xff;
const CONNECT = 1;
const IPV4 = 1;
const DOMAIN_NAME = 3;
const IPV6 = 4;
const SUCCEEDED = 0;

/** RFC 1928 section 6. */
const REPLIES = [
  'succeeded',
  'general SOCKS server failure',
  'connection not allowed by ruleset',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
];

/**
 * Asks a SOCKS5 proxy to connect (RFC 1928; user and password as RFC 1929 says).
 *
 * ```text
 *   client                                            proxy
 *   05 | n | methods                  ──────────────▶         section 3
 *                                     ◀────────────── 05 | method
 *   01 | ulen | user | plen | pass    ──────────────▶         RFC 1929, only for method 2
 *                                     ◀────────────── 01 | status
 *   05 | 01 | 00 | type | host | port ──────────────▶         section 4
 *                                     ◀────────────── 05 | reply | 00 | type | address | port   section 6
 * ```
 */
export function* socks5Connect(link: Link, { host, port }: SocksTarget, credentials?: Socks5Credentials): Talk<SocksBound> {
  const destination = destinationOf(host);
  const methods = credentials ? [NO_AUTHENTICATION, USERNAME_PASSWORD] : [NO_AUTHENTICATION];
  link.send(Uint8Array.of(VERSION, methods.length, ...methods));
  const [version, method = NO_ACCEPTABLE_METHODS] = yield* link.read(2);
  expectVersion(version, VERSION, 'method reply');
  if (!methods.includes(method)) {
    const reply = method === NO_ACCEPTABLE_METHODS ? 'no acceptable methods' : 'a method that was not offered';
    const offered = credentials ? 'no authentication or user and password' : 'no authentication, since no `user` and `pass` are given,';
    throw refusal(EPROXYAUTH, `${offered} to be accepted`, method, reply);
  }
  if (credentials && method === USERNAME_PASSWORD) yield* authenticate(link, credentials);

  link.send(Uint8Array.of(VERSION, CONNECT, 0, ...destination, ...portBytes(port)));
  const [replyVersion, status = 1] = yield* link.read(2);
  expectVersion(replyVersion, VERSION, 'reply');
  // Said at once: what follows a refusal means nothing, and some proxies leave it out.
  if (status !== SUCCEEDED) throw refusal(EPROXY, 'a connection', status, REPLIES[status] ?? 'unassigned');
  const [, type] = yield* link.read(2);
  const boundAddress = yield* readAddress(link, type);
  return { boundAddress, boundPort: portOf(yield* link.read(2)) };
}

function* authenticate(link: Link, { user, pass }: Socks5Credentials): Talk<void> {
  link.send(Uint8Array.of(AUTH_VERSION, user.length, ...user, pass.length, ...pass));
  const [version, status = 1] = yield* link.read(2);
  expectVersion(version, AUTH_VERSION, 'authentication reply');
  if (status !== SUCCEEDED) throw refusal(EPROXYAUTH, 'user and password to be accepted', status, 'authentication failed');
}

function* readAddress(link: Link, type: number | undefined): Talk<string> {
  if (type === IPV4) return ipText(yield* link.read(4));
  if (type === IPV6) return ipText(yield* link.read(16));
  if (type !== DOMAIN_NAME) throw malformed(`address type 1, 3 or 4 in the reply, got ${type}`);
  const [length = 0] = yield* link.read(1);
  return new TextDecoder().decode(yield* link.read(length));
}

function destinationOf(host: string): readonly number[] {
  const address = ipBytes(host);
  if (address) return [address.length === 4 ? IPV4 : IPV6, ...address];
  const name = nameBytes(host);
  return [DOMAIN_NAME, name.length, ...name];
}

function expectVersion(got: number | undefined, expected: number, where: string): void {
  if (got !== expected) throw malformed(`version ${expected} in the ${where}, got ${got}; is it a SOCKS5 proxy?`);
}

function malformed(expected: string): IOStreamError {
  return new IOStreamError(EPROTOCOL, { phase: 'handshake', message: `expected ${expected}` });
}
