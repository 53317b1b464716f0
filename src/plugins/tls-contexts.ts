import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { catchError, concat, isObservable, map, NEVER, of, ReplaySubject, share, throwIfEmpty, type Observable } from 'rxjs';
import { typeInWords } from '../wire/in-words.ts';
import { ownOptions } from '../wire/own-options.ts';
import { opensslReason } from './tls-errors.ts';
import { CONTEXT_OPTIONS, type ContextSource, type TlsOptions } from './tls-options.ts';

/** The newest good context, if there is one, and what is wrong with what came after it. */
export interface ContextNow {
  readonly context?: SecureContext | undefined;
  readonly problem?: unknown;
}

/**
 * What new connections are made with, newest first. Never ends, never errors.
 *
 * A context is made once for all connections of a plugin: it is costly, has no state of a connection, and its tickets can be
 * shared. An Observable of them is subscribed once for all connections there are, from the first to the last; the last good
 * context outlives them, so that an Observable that fails later does not stop the service.
 *
 * @param secureOptions options of OpenSSL that each context must have; one of Node's, which does not show its own, is refused then.
 * @throws TypeError when what was given, and is no Observable, cannot be used.
 */
export function contextsOf(caller: string, options: TlsOptions & SecureContextOptions, secureOptions = 0): Observable<ContextNow> {
  const { secureContext } = options;
  const base: SecureContextOptions = Object.fromEntries(Object.entries(options).filter(([name]) => CONTEXT_OPTIONS.includes(name)));
  const make = (source: ContextSource | undefined): SecureContext => contextOf(caller, base, source, secureOptions);
  if (!isObservable(secureContext)) return of({ context: make(secureContext) });
  make({});
  let good: SecureContext | undefined;
  let from: ContextSource | undefined;
  const look = (source: ContextSource): ContextNow => {
    try {
      // The same again, as at each subscription of a BehaviorSubject: its sessions and tickets go on.
      if (!good || source !== from) good = make(source);
      from = source;
      return { context: good };
    } catch (problem) {
      return { context: good, problem };
    }
  };
  const each$ = secureContext.pipe(
    map(look),
    throwIfEmpty(() => new Error('expected a secure context, the Observable completed without one')),
    catchError((problem: unknown) => of({ context: good, problem })),
  );
  return concat(each$, NEVER).pipe(share({ connector: () => new ReplaySubject(1) }));
}

function contextOf(caller: string, base: SecureContextOptions, source: ContextSource | undefined, secureOptions: number): SecureContext {
  const given: unknown = source ?? {};
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`${caller}: expected \`secureContext\` to be a context of Node or its options, got ${typeInWords(given)}`);
  if (Object.hasOwn(given, 'context')) {
    if (secureOptions === 0) return given as SecureContext;
    throw new TypeError(`${caller}: expected \`secureContext\` to be options beside \`pskCallback\`, got a context of Node`);
  }
  // Without a prototype: Node would inherit options from it.
  const options = ownOptions<SecureContextOptions>({ ...base, ...given }, caller);
  if (secureOptions !== 0) options.secureOptions = (options.secureOptions ?? 0) | secureOptions;
  if ((options.key === undefined) !== (options.cert === undefined) && options.privateKeyEngine === undefined) {
    const [expected, got] = options.cert === undefined ? ['cert', 'key'] : ['key', 'cert'];
    throw new TypeError(`${caller}: expected \`key\` and \`cert\` together, got \`${got}\` without \`${expected}\``);
  }
  // Node takes `ca` without a certificate in it for one that trusts no authority.
  const misfit = pemProblem('ca', options);
  if (misfit !== undefined) throw new TypeError(`${caller}: ${misfit}`);
  try {
    return createSecureContext(options);
  } catch (cause) {
    throw new TypeError(`${caller}: ${contextProblem(cause, options)}`, isOfOpenssl(cause) ? { cause } : undefined);
  }
}

/** Node's own errors quote the value that they refuse, which may be a key in the wrong place; those of OpenSSL never do. */
function isOfOpenssl(error: unknown): error is Error {
  return error instanceof Error && !/^ERR_(INVALID|TLS|MISSING)_/.test((error as NodeJS.ErrnoException).code ?? '');
}

function contextProblem(error: unknown, options: SecureContextOptions): string {
  const why = isOfOpenssl(error) ? opensslReason(error.message) : 'a value that Node refuses';
  const name = suspect(why, options);
  if (name === undefined) return `expected options that OpenSSL can use, got ${why}`;
  return pemProblem(name, options) ?? `expected \`${name}\` that OpenSSL can use, got ${why}`;
}

/** The option that OpenSSL's words are about. */
function suspect(why: string, options: SecureContextOptions): string | undefined {
  if (/passphrase|decrypt|mac verify|interrupted or cancelled/i.test(why)) return 'passphrase';
  return ['pfx', 'ca', 'crl', 'cert', 'key', 'ciphers', 'sigalgs', 'ecdhCurve', 'minVersion', 'maxVersion'].find((name) => {
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined) return false;
    try {
      createSecureContext(ownOptions({ [name]: value, passphrase: options.passphrase }, name));
      return false;
    } catch {
      return true;
    }
  });
}

/** What the PEM of an option must hold (RFC 7468). */
const PEM: Readonly<Record<string, readonly [label: RegExp, expected: string]>> = {
  ca: [/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/, 'PEM certificates'],
  cert: [/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/, 'PEM certificates'],
  crl: [/-----BEGIN X509 CRL-----/, 'PEM revocation lists'],
  key: [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/, 'PEM private keys'],
};

/** Describes a value without the PEM that it must hold. Nothing of the value is quoted. */
function pemProblem(name: string, options: SecureContextOptions): string | undefined {
  const rule = Object.hasOwn(PEM, name) ? PEM[name] : undefined;
  const value: unknown = (options as Record<string, unknown>)[name];
  if (!rule || value === undefined) return undefined;
  const [label, expected] = rule;
  for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
    const text = typeof each === 'string' ? each : ArrayBuffer.isView(each) ? textOf(each) : undefined;
    if (text === undefined || label.test(text)) continue;
    const got = typeof each === 'string' ? typeInWords(each) : `${text.length} bytes`;
    const found = /-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(text)?.[1];
    return found === undefined
      ? `expected \`${name}\` to hold ${expected}, got ${got} without a PEM block; give the contents of the file, not its path, and PEM, not DER`
      : `expected \`${name}\` to hold ${expected}, got PEM of another kind: ${found}`;
  }
  return undefined;
}

function textOf({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}
