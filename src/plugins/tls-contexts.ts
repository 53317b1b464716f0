import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { catchError, concat, isObservable, map, NEVER, of, ReplaySubject, share, throwIfEmpty, type Observable } from 'rxjs';
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
 * @throws TypeError when what was given, and is no Observable, cannot be used.
 */
export function contextsOf(caller: string, options: TlsOptions & SecureContextOptions): Observable<ContextNow> {
  const { secureContext } = options;
  const base = Object.fromEntries(Object.entries(options).filter(([name]) => CONTEXT_OPTIONS.includes(name)));
  if (!isObservable(secureContext)) return of({ context: contextOf(caller, base, secureContext) });
  contextOf(caller, base, {});
  let good: SecureContext | undefined;
  let from: ContextSource | undefined;
  const look = (source: ContextSource): ContextNow => {
    try {
      // The same again, as at each subscription of a BehaviorSubject: its sessions and tickets go on.
      if (!good || source !== from) good = contextOf(caller, base, source);
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

function contextOf(caller: string, base: SecureContextOptions, source: ContextSource | undefined): SecureContext {
  const given: unknown = source ?? {};
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`${caller}: expected \`secureContext\` to be a context of Node or its options, got a ${typeof given}`);
  if ('context' in given) return given;
  const options: SecureContextOptions = { ...base, ...given };
  if ((options.key === undefined) !== (options.cert === undefined) && options.privateKeyEngine === undefined) {
    const [expected, got] = options.cert === undefined ? ['cert', 'key'] : ['key', 'cert'];
    throw new TypeError(`${caller}: expected \`key\` and \`cert\` together, got \`${got}\` without \`${expected}\``);
  }
  try {
    return createSecureContext(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${caller}: expected ${suspect(why, options)} that OpenSSL can use, got ${why}`, { cause });
  }
}

/** The option that OpenSSL's words are about. */
function suspect(why: string, options: SecureContextOptions): string {
  if (/passphrase|decrypt|mac verify|interrupted or cancelled/i.test(why)) return '`passphrase`';
  const one = ['pfx', 'ca', 'crl', 'cert', 'key', 'ciphers', 'sigalgs', 'ecdhCurve', 'minVersion', 'maxVersion'].find((name) => {
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined) return false;
    try {
      createSecureContext({ [name]: value, passphrase: options.passphrase });
      return false;
    } catch {
      return true;
    }
  });
  return one ? `\`${one}\`` : 'options';
}
