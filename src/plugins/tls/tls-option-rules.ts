import type { Rule, Rules } from '../../util/check-options.ts';
import { isFunction, isObject, isText } from '../../util/value-tests.ts';
import { isCleanName } from './is-clean-name.ts';

const isBytes = (value: unknown): boolean => ArrayBuffer.isView(value);
/** Keys and certificates: PEM text, DER bytes, or a list of them. */
const isMaterial = (value: unknown): boolean =>
  isText(value) || isBytes(value) || (Array.isArray(value) ? value.every((each) => isMaterial(each) || isObject(each)) : false);

const TEXT: Rule = ['a string', isText];
const FUNCTION: Rule = ['a function', isFunction];
const BOOLEAN: Rule = ['a boolean', (value) => typeof value === 'boolean'];
const NUMBER: Rule = ['a number', (value) => Number.isSafeInteger(value) && (value as number) >= 0];
const MATERIAL: Rule = ['a string, bytes or an array of them', isMaterial];
/** Validated here, because Node would quote the value, which may be a misplaced key. */
const VERSION: Rule = ["'TLSv1', 'TLSv1.1', 'TLSv1.2' or 'TLSv1.3'", (value) => /^TLSv1(\.[123])?$/.test(String(value))];

/** The options of a secure context, with Node's names. OpenSSL validates their values. */
const CONTEXT: Rules = {
  allowPartialTrustChain: BOOLEAN,
  ca: MATERIAL,
  cert: MATERIAL,
  ciphers: TEXT,
  clientCertEngine: TEXT,
  crl: MATERIAL,
  dhparam: ["'auto', a string or bytes", (value) => isText(value) || isBytes(value)],
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

/** The options of both roles. */
const COMMON: Rules = {
  ...CONTEXT,
  ALPNProtocols: [
    'an array of names, or bytes',
    (value) => isBytes(value) || (Array.isArray(value) && value.every((each) => isText(each) || isBytes(each))),
  ],
  keylog: FUNCTION,
  pskCallback: FUNCTION,
  rejectUnauthorized: BOOLEAN,
  secureContext: ['a context of Node, its options, or an Observable of them', isObject],
  truncation: ["'report' or 'error'", (value) => value === 'report' || value === 'error'],
  verify: FUNCTION,
};

/** The rules for the options of `tlsClient`. */
export const CLIENT_OPTIONS: Rules = {
  ...COMMON,
  checkServerIdentity: FUNCTION,
  minDHSize: NUMBER,
  servername: ['a host name or address without spaces and control characters', (value) => typeof value === 'string' && isCleanName(value)],
  session: ['a session, a function that returns one, or false', (value) => value === false || isBytes(value) || isFunction(value)],
  sessionCache: [
    'a Map, or an object with its `get`, `set` and `delete`',
    (value) => isObject(value) && ['get', 'set', 'delete'].every((name) => isFunction(value[name])),
  ],
  sessionKey: TEXT,
};

/** The rules for the options of `tlsServer`. */
export const SERVER_OPTIONS: Rules = {
  ...COMMON,
  ALPNCallback: FUNCTION,
  pskIdentityHint: TEXT,
  requestCert: BOOLEAN,
  SNICallback: FUNCTION,
};

/** The names of the options of a secure context. */
export const CONTEXT_OPTIONS: readonly string[] = Object.keys(CONTEXT);
