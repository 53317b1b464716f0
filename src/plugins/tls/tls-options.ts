import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, SecureContext, SecureContextOptions } from 'node:tls';
import type { Observable, ObservableInput } from 'rxjs';
import { checkOptions, type Rule } from '../../util/check-options.ts';
import { definedOptions } from '../../util/own-options.ts';

/** The facts of a TLS connection: in `details.<name>`, and passed to `verify`. */
export interface TlsFacts {
  /** `'TLSv1.2'` or `'TLSv1.3'`. */
  readonly protocol: string | null;
  /** The OpenSSL name of the cipher suite. */
  readonly cipher: string;
  /** The protocol negotiated by ALPN; false if there is none. */
  readonly alpnProtocol: string | false | null;
  /** The name requested by SNI. */
  readonly servername: string | undefined;
  /** Whether an earlier session was resumed. */
  readonly reused: boolean;
  /** Whether the peer's certificate was checked and is valid. */
  readonly authorized: boolean;
  /** Why the peer is not authorized: a code such as `'CERT_HAS_EXPIRED'`. */
  readonly authorizationError?: string | undefined;
  /** The identity of the pre-shared key that both sides have proven, if `pskCallback` returned one. `authorized` is true then. */
  readonly pskIdentity?: string | undefined;
  /** The peer's certificate, if it sent one. */
  readonly x509: X509Certificate | undefined;
  /**
   * For a client: the newest session, for the `session` option of another connection. TLS 1.3 sends sessions after the handshake, so
   * read it when you need it. Not enumerable: it holds a secret.
   */
  readonly session?: Uint8Array | undefined;
}

/** A store of sessions by key, such as a `Map`. You must limit its size yourself. */
export interface TlsSessionCache {
  get(key: string): Uint8Array | undefined;
  set(key: string, session: Uint8Array): unknown;
  delete(key: string): unknown;
}

/** The peer that `verify` must accept or refuse. */
export interface TlsPeer extends TlsFacts {
  /** The certificate of `x509` with its issuers, in the format of Node's `getPeerCertificate(true)`. */
  readonly certificate: DetailedPeerCertificate | undefined;
}

/** The options common to client and server, in addition to Node's own. */
export interface TlsOptions {
  /**
   * Called after the handshake, when Node has accepted the peer. It can only refuse. With `rejectUnauthorized: false` it is called for
   * every peer, and `authorized` holds the result of Node's check.
   *
   * True accepts. Any other value, no value, a throw or an error refuses (ETLSCERT). Of an Observable the first value counts. No bytes
   * of the application are sent or emitted before. An answer that never comes is ETOHANDSHAKE.
   */
  readonly verify?: ((peer: TlsPeer) => boolean | ObservableInput<boolean>) | undefined;
  /**
   * What to do when the peer closes without close_notify (possible truncation attack). `'report'` ends the stream and sets
   * `details.<name>.truncated`. `'error'` errors it with ETLSTRUNCATED. All bytes received before are emitted first.
   * @default 'report'
   */
  readonly truncation?: 'report' | 'error' | undefined;
  /**
   * A Node context; or options of one, merged over those given here; or an Observable of either. Each new connection uses the newest
   * valid value; open connections keep theirs. See `tlsServer`.
   */
  readonly secureContext?: ContextSource | Observable<ContextSource> | undefined;
}

/** A Node context, or the options to create one. */
export type ContextSource = SecureContext | SecureContextOptions;

const isString = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isBytes = (value: unknown): boolean => ArrayBuffer.isView(value);
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isFunction = (value: unknown): boolean => typeof value === 'function';
const isMaterial = (value: unknown): boolean =>
  isString(value) || isBytes(value) || (Array.isArray(value) ? value.every((each) => isMaterial(each) || isObject(each)) : false);

const TEXT: Rule = ['a string', isString];
const FUNCTION: Rule = ['a function', isFunction];
const BOOLEAN: Rule = ['a boolean', (value) => typeof value === 'boolean'];
const NUMBER: Rule = ['a number', (value) => Number.isSafeInteger(value) && (value as number) >= 0];
const MATERIAL: Rule = ['a string, bytes or an array of them', isMaterial];
/** Validated here: Node would quote the value, which may be a misplaced key. */
const VERSION: Rule = ["'TLSv1', 'TLSv1.1', 'TLSv1.2' or 'TLSv1.3'", (value) => /^TLSv1(\.[123])?$/.test(String(value))];

/** The options of a secure context, with Node's names. OpenSSL validates their values. */
const CONTEXT: Readonly<Record<string, Rule>> = {
  allowPartialTrustChain: BOOLEAN,
  ca: MATERIAL,
  cert: MATERIAL,
  ciphers: TEXT,
  clientCertEngine: TEXT,
  crl: MATERIAL,
  dhparam: ["'auto', a string or bytes", (value) => isString(value) || isBytes(value)],
  ecdhCurve: TEXT,
  honorCipherOrder: BOOLEAN,
  key: MATERIAL,
  maxVersion: VERSION,
  minVersion: VERSION,
  passphrase: ['a string', (value) => typeof value === 'string'],
  pfx: MATERIAL,
  privateKeyEngine: TEXT,
  privateKeyIdentifier: TEXT,
  secureOptions: NUMBER,
  secureProtocol: ["the name of a method of OpenSSL, such as 'TLS_method'", (value) => /^\w{1,40}$/.test(String(value))],
  sessionIdContext: TEXT,
  sessionTimeout: NUMBER,
  sigalgs: TEXT,
  ticketKeys: ['48 bytes', (value) => isBytes(value) && (value as Uint8Array).byteLength === 48],
};

const COMMON: Readonly<Record<string, Rule>> = {
  ...CONTEXT,
  ALPNProtocols: [
    'an array of names, or bytes',
    (value) => isBytes(value) || (Array.isArray(value) && value.every((each) => isString(each) || isBytes(each))),
  ],
  pskCallback: FUNCTION,
  rejectUnauthorized: BOOLEAN,
  secureContext: ['a context of Node, its options, or an Observable of them', isObject],
  truncation: ["'report' or 'error'", (value) => value === 'report' || value === 'error'],
  verify: FUNCTION,
};

export const CLIENT_OPTIONS: Readonly<Record<string, Rule>> = {
  ...COMMON,
  checkServerIdentity: FUNCTION,
  minDHSize: NUMBER,
  servername: ['a host name or address without spaces and control characters', (value) => typeof value === 'string' && isClean(value)],
  session: ['a session, a function that returns one, or false', (value) => value === false || isBytes(value) || isFunction(value)],
  sessionCache: [
    'a Map, or an object with its `get`, `set` and `delete`',
    (value) => isObject(value) && ['get', 'set', 'delete'].every((name) => isFunction((value as Record<string, unknown>)[name])),
  ],
  sessionKey: TEXT,
};

export const SERVER_OPTIONS: Readonly<Record<string, Rule>> = {
  ...COMMON,
  ALPNCallback: FUNCTION,
  pskIdentityHint: TEXT,
  requestCert: BOOLEAN,
  SNICallback: FUNCTION,
};

/** Returns whether a name is safe to send and compare. Some parsers would truncate a name at NUL. */
export function isClean(name: string): boolean {
  return !/[\0-\x20\x7f]/.test(name);
}

/**
 * Validates and copies the options that are not undefined, because Node does not treat undefined as absent. Reads own properties only,
 * and returns an object without a prototype, so that nothing on `Object.prototype` becomes an option. Error messages quote no values,
 * which may be secret.
 *
 * @throws TypeError that names the option.
 */
export function checkTls<T extends object>(caller: string, options: T, rules: Readonly<Record<string, Rule>>): T {
  if (typeof options === 'function')
    throw new TypeError(`${caller}: expected an object of options, got a function; a plugin is what ${caller} returns, not what it takes`);
  return checkOptions(definedOptions(options, caller), { caller, usage: caller, rules });
}

/** The names of the options of a secure context. */
export const CONTEXT_OPTIONS: readonly string[] = Object.keys(CONTEXT);

/**
 * Every option that Node's TLS reads, as undefined. Spread first into Node's options, so that none is inherited from
 * `Object.prototype`.
 */
export const UNSET: Readonly<Record<string, undefined>> = Object.fromEntries(
  [
    ...CONTEXT_OPTIONS,
    ...[
      'ALPNCallback',
      'ALPNProtocols',
      'SNICallback',
      'allowHalfOpen',
      'enableTrace',
      'handshakeTimeout',
      'highWaterMark',
      'host',
      'isServer',
    ],
    ...['keepAlive', 'lookup', 'onread', 'path', 'pauseOnConnect', 'port', 'pskCallback', 'pskIdentityHint', 'requestCert'],
    ...['requestOCSP', 'secureContext', 'server', 'servername', 'session', 'signal', 'timeout'],
  ].map((name) => [name, undefined]),
);
