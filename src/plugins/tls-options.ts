import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, SecureContext, SecureContextOptions } from 'node:tls';
import type { Observable, ObservableInput } from 'rxjs';
import { typeInWords } from '../wire/in-words.ts';
import { ownOptions } from '../wire/own-options.ts';
import { unknownOption } from '../wire/unknown-option.ts';
import type { Rule } from '../wire/rules.ts';

/** What a connection learned of its TLS: in `details.<name>`, and what `verify` is asked about. */
export interface TlsFacts {
  /** `'TLSv1.2'` or `'TLSv1.3'`. */
  readonly protocol: string | null;
  /** OpenSSL's name of the cipher suite. */
  readonly cipher: string;
  /** What was agreed by ALPN; false if nothing was. */
  readonly alpnProtocol: string | false | null;
  /** The name that was asked for by SNI. */
  readonly servername: string | undefined;
  /** Whether an earlier session was resumed. */
  readonly reused: boolean;
  /** Whether the certificate of the peer was checked and is good. */
  readonly authorized: boolean;
  /** Why it is not: a code such as `'CERT_HAS_EXPIRED'`. */
  readonly authorizationError?: string | undefined;
  /** The identity of the pre-shared key that both sides have proven to have, if `pskCallback` gave one; `authorized` is true then. */
  readonly pskIdentity?: string | undefined;
  /** The peer's certificate, if it has shown one. */
  readonly x509: X509Certificate | undefined;
  /**
   * Of a client: the newest session, to resume in another connection by the option `session`. TLS 1.3 sends its sessions after the
   * handshake, so read it when it is needed. Not enumerable: it holds a secret.
   */
  readonly session?: Uint8Array | undefined;
}

/** Where sessions are kept by a key: a `Map` does. Its size is the user's to bound. */
export interface TlsSessionCache {
  get(key: string): Uint8Array | undefined;
  set(key: string, session: Uint8Array): unknown;
  delete(key: string): unknown;
}

/** Whom `verify` is asked about. */
export interface TlsPeer extends TlsFacts {
  /** The same as `x509`, in the words of Node's `getPeerCertificate(true)`: with its issuers. */
  readonly certificate: DetailedPeerCertificate | undefined;
}

/** What the options of both roles have in common, besides Node's own. */
export interface TlsOptions {
  /**
   * Asked when the handshake is through and Node has accepted the peer (or was told to accept any: with `rejectUnauthorized`
   * false, `authorized` says what it found): it can only refuse. True accepts; anything else, no answer at all, a throw or an error
   * refuses (ETLSCERT). Of an Observable the first value counts. Nothing of the application is sent or given before; an answer that
   * never comes is ETOHANDSHAKE.
   */
  readonly verify?: ((peer: TlsPeer) => boolean | ObservableInput<boolean>) | undefined;
  /**
   * What is made of an end without close_notify, by which somebody on the way may have cut off what was sent: `'report'` ends
   * the stream and sets `details.<name>.truncated`; `'error'` errors it with ETLSTRUNCATED. All that came before is given first.
   * @default 'report'
   */
  readonly truncation?: 'report' | 'error' | undefined;
  /**
   * A context of Node; or options of one, laid over those given here; or an Observable of either: each new connection takes the
   * newest good one, those that are open keep theirs. See `tlsServer`.
   */
  readonly secureContext?: ContextSource | Observable<ContextSource> | undefined;
}

/** A context of Node, or what makes one. */
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
/** Checked here: Node would quote what it got, which may be a key in the wrong place. */
const VERSION: Rule = ["'TLSv1', 'TLSv1.1', 'TLSv1.2' or 'TLSv1.3'", (value) => /^TLSv1(\.[123])?$/.test(String(value))];

/** The options that go into a context. Node's names; what they may hold is for OpenSSL to say. */
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

/** Whether a name may be sent and compared: a NUL in it would end it for some who read it. */
export function isClean(name: string): boolean {
  return !/[\0-\x20\x7f]/.test(name);
}

/**
 * Copies the options that are not undefined (for Node those would not be absent), after a check of each: own properties only, into
 * an object that inherits nothing, so that nothing on `Object.prototype` is taken for an option. Values are not put into the
 * message: they may be secret.
 *
 * @throws TypeError that names the option.
 */
export function checkTls<T extends object>(caller: string, options: T, rules: Readonly<Record<string, Rule>>): T {
  if (typeof options === 'function')
    throw new TypeError(`${caller}: expected an object of options, got a function; a plugin is what ${caller} returns, not what it takes`);
  const given = Object.entries(ownOptions(options, caller)).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) throw unknownOption(name, caller, Object.keys(rules).sort());
    if (!rule[1](value)) throw new TypeError(`${caller}: expected \`${name}\` to be ${rule[0]}, got ${typeInWords(value)}`);
  }
  return ownOptions(Object.fromEntries(given) as T, caller);
}

/** The names of the options that go into a context. */
export const CONTEXT_OPTIONS: readonly string[] = Object.keys(CONTEXT);

/**
 * Every option that Node's TLS reads, unset: spread first into what Node is given, so that it inherits none of them from
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
