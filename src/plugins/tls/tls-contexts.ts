import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { catchError, concat, isObservable, map, NEVER, of, ReplaySubject, share, throwIfEmpty, type Observable } from 'rxjs';
import { describeWithType } from '../../util/describe.ts';
import { ownOptions } from '../../util/own-options.ts';
import { opensslReason } from './tls-errors.ts';
import { CONTEXT_OPTIONS, type ContextSource, type TlsOptions } from './tls-options.ts';

/** The newest valid context, if there is one, and the problem with a later value. */
export interface ContextNow {
  readonly context?: SecureContext | undefined;
  readonly problem?: unknown;
}

/**
 * Emits the context for new connections: the newest valid one. Never completes or errors.
 *
 * A context is created once for all connections of a plugin. It is expensive, holds no state of a connection, and lets connections
 * share tickets. An Observable is subscribed once for all concurrent connections, from the first to the last. The last valid context
 * is kept after that, so that a later failure of the Observable does not stop the service.
 *
 * @param secureOptions OpenSSL options that each context must have. If set, a context of Node is refused, because its options cannot
 *   be read.
 * @throws TypeError if the options, without an Observable, are not valid.
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
      // The same value again, as at each subscription of a BehaviorSubject: keeps its sessions and tickets.
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
    throw new TypeError(`${caller}: expected \`secureContext\` to be a context of Node or its options, got ${describeWithType(given)}`);
  if (Object.hasOwn(given, 'context')) {
    if (secureOptions === 0) return given as SecureContext;
    throw new TypeError(`${caller}: expected \`secureContext\` to be options beside \`pskCallback\`, got a context of Node`);
  }
  // Without a prototype, because Node would inherit options from it.
  const options = ownOptions<SecureContextOptions>({ ...base, ...given }, caller);
  if (secureOptions !== 0) options.secureOptions = (options.secureOptions ?? 0) | secureOptions;
  if ((options.key === undefined) !== (options.cert === undefined) && options.privateKeyEngine === undefined) {
    const [expected, got] = options.cert === undefined ? ['cert', 'key'] : ['key', 'cert'];
    throw new TypeError(`${caller}: expected \`key\` and \`cert\` together, got \`${got}\` without \`${expected}\``);
  }
  // Node treats a `ca` without a certificate as one that trusts no authority.
  const misfit = pemProblem('ca', options);
  if (misfit !== undefined) throw new TypeError(`${caller}: ${misfit}`);
  try {
    return createSecureContext(options);
  } catch (cause) {
    throw new TypeError(`${caller}: ${contextProblem(cause, options)}`, isOfOpenssl(cause) ? { cause } : undefined);
  }
}

/** Node's own errors quote the invalid value, which may be a misplaced key. Those of OpenSSL never do. */
function isOfOpenssl(error: unknown): error is Error {
  return error instanceof Error && !/^ERR_(INVALID|TLS|MISSING)_/.test((error as NodeJS.ErrnoException).code ?? '');
}

function contextProblem(error: unknown, options: SecureContextOptions): string {
  const why = isOfOpenssl(error) ? opensslReason(error.message) : 'a value that Node refuses';
  const name = suspect(why, options);
  if (name === undefined) return `expected options that OpenSSL can use, got ${why}`;
  return pemProblem(name, options) ?? `expected \`${name}\` that OpenSSL can use, got ${why}`;
}

/** Returns the option that the OpenSSL message refers to. */
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

/** The PEM label that an option must contain (RFC 7468). */
const PEM: Readonly<Record<string, readonly [label: RegExp, expected: string]>> = {
  ca: [/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/, 'PEM certificates'],
  cert: [/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/, 'PEM certificates'],
  crl: [/-----BEGIN X509 CRL-----/, 'PEM revocation lists'],
  key: [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/, 'PEM private keys'],
};

/** Describes a value that lacks the required PEM block. Quotes nothing of the value. */
function pemProblem(name: string, options: SecureContextOptions): string | undefined {
  const rule = Object.hasOwn(PEM, name) ? PEM[name] : undefined;
  const value: unknown = (options as Record<string, unknown>)[name];
  if (!rule || value === undefined) return undefined;
  const [label, expected] = rule;
  for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
    const text = typeof each === 'string' ? each : ArrayBuffer.isView(each) ? textOf(each) : undefined;
    if (text === undefined || label.test(text)) continue;
    const got = typeof each === 'string' ? describeWithType(each) : `${text.length} bytes`;
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
