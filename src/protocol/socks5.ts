import { EPROTOCOL, EPROXY, EPROXYAUTH, IOStreamError } from '../errors.ts';
import { parseIp, formatIp } from './ip-address.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';
import { printable } from './printable.ts';
import { Secrets } from './secrets.ts';
import { nameBytes, portBytes, portOf, readVersion, socksRefusal, type SocksBound, type SocksTarget, type SocksVersion } from './socks.ts';

/** User and password for RFC 1929: 1 to 255 bytes, and 0 to 255 bytes. */
export interface Socks5Credentials {
  readonly user: Uint8Array;
  readonly pass: Uint8Array;
}

/** The version of each reply. Some servers send the SOCKS version in the RFC 1929 reply. It is accepted, as in curl. */
const METHOD_REPLY: SocksVersion = { proxy: 'SOCKS5', where: 'method reply', version: 5 };
const AUTHENTICATION_REPLY: SocksVersion = { proxy: 'SOCKS5', where: 'authentication reply', version: 1, or: 5 };
const CONNECT_REPLY: SocksVersion = { proxy: 'SOCKS5', where: 'reply', version: 5 };

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
 * Requests a connection from a SOCKS5 proxy (RFC 1928, with user and password as in RFC 1929).
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
  const secrets = secretsOf(credentials);
  yield* readVersion(link, METHOD_REPLY, secrets);
  const [method = NO_ACCEPTABLE_METHODS] = yield* link.read(1);
  if (!methods.includes(method)) {
    const reply = method === NO_ACCEPTABLE_METHODS ? 'no acceptable methods' : 'a method that was not offered';
    const what = credentials
      ? 'accepts neither no authentication nor user and password'
      : 'requires authentication, but no `user` and `pass` are set';
    throw socksRefusal(EPROXYAUTH, what, method, reply);
  }
  if (credentials && method === USERNAME_PASSWORD) yield* authenticate(link, credentials, secrets);

  link.send(Uint8Array.of(VERSION, CONNECT, 0, ...destination, ...portBytes(port)));
  yield* readVersion(link, CONNECT_REPLY, secrets);
  const [status = 1] = yield* link.read(1);
  // Thrown at once: the bytes after a refusal have no meaning, and some proxies omit them.
  if (status !== SUCCEEDED) throw socksRefusal(EPROXY, 'refused the connection', status, REPLIES[status] ?? 'unassigned');
  const [, type] = yield* link.read(2);
  const boundAddress = yield* readAddress(link, type, secrets);
  return { boundAddress, boundPort: portOf(yield* link.read(2)) };
}

function* authenticate(link: Link, { user, pass }: Socks5Credentials, secrets: Secrets): Talk<void> {
  link.send(Uint8Array.of(AUTH_VERSION, user.length, ...user, pass.length, ...pass));
  yield* readVersion(link, AUTHENTICATION_REPLY, secrets);
  const [status = 1] = yield* link.read(1);
  if (status !== SUCCEEDED) throw socksRefusal(EPROXYAUTH, 'refused user and password', status, 'authentication failed');
}

/** Reads the bound address. A name is text of the proxy: it is made printable, and secrets in it are hidden. */
function* readAddress(link: Link, type: number | undefined, secrets: Secrets): Talk<string> {
  if (type === IPV4) return formatIp(yield* link.read(4));
  if (type === IPV6) return formatIp(yield* link.read(16));
  if (type !== DOMAIN_NAME) {
    const message = `the reply has the unknown address type ${type}`;
    throw new IOStreamError(EPROTOCOL, { phase: 'handshake', message });
  }
  const [length = 0] = yield* link.read(1);
  return printable(secrets.hide(new TextDecoder().decode(yield* link.read(length))));
}

function secretsOf(credentials: Socks5Credentials | undefined): Secrets {
  const secrets = new Secrets();
  const text = new TextDecoder();
  if (credentials) secrets.addLogin(text.decode(credentials.user), text.decode(credentials.pass));
  return secrets;
}

function destinationOf(host: string): readonly number[] {
  const address = parseIp(host);
  if (address) return [address.length === 4 ? IPV4 : IPV6, ...address];
  const name = nameBytes(host);
  return [DOMAIN_NAME, name.length, ...name];
}
