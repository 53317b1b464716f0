import type { SecureContext, SecureContextOptions } from 'node:tls';
import { catchError, concat, isObservable, map, NEVER, of, ReplaySubject, share, throwIfEmpty, type Observable } from 'rxjs';
import { createContext } from './create-context.ts';
import { CONTEXT_OPTIONS } from './tls-option-rules.ts';
import type { ContextSource, TlsOptions } from './tls-options.ts';

/** The newest valid context, if there is one, and the problem with a later value. */
export interface CurrentContext {
  readonly context?: SecureContext | undefined;
  readonly problem?: unknown;
}

/**
 * Returns the context for all connections, or emits the context for new ones: the newest valid one. Never completes or errors.
 *
 * A context is created once for all connections of a plugin. It is expensive, holds no state of a connection, and lets connections
 * share tickets. An Observable is subscribed once for all concurrent connections, from the first to the last. The last valid context
 * is kept after that, so that a later failure of the Observable does not stop the service.
 *
 * @param secureOptions OpenSSL options that each context must have. If set, a context of Node is refused, because its options cannot
 *   be read.
 * @throws TypeError if the options, without an Observable, are not valid.
 */
export function tlsContexts(
  caller: string,
  options: TlsOptions & SecureContextOptions,
  secureOptions = 0,
): CurrentContext | Observable<CurrentContext> {
  const { secureContext } = options;
  const base: SecureContextOptions = Object.fromEntries(Object.entries(options).filter(([name]) => CONTEXT_OPTIONS.includes(name)));
  const create = (source: ContextSource | undefined): SecureContext => createContext(caller, base, source, secureOptions);
  if (!isObservable(secureContext)) return { context: create(secureContext) };
  // Throws if the other options are not valid.
  create({});
  let valid: SecureContext | undefined;
  let validSource: ContextSource | undefined;
  const update = (source: ContextSource): CurrentContext => {
    try {
      // The same value again, as at each subscription of a BehaviorSubject: keeps its sessions and tickets.
      if (!valid || source !== validSource) valid = create(source);
      validSource = source;
      return { context: valid };
    } catch (problem) {
      return { context: valid, problem };
    }
  };
  const contexts$ = secureContext.pipe(
    map(update),
    throwIfEmpty(() => new Error('the Observable of `secureContext` completed without a value')),
    catchError((problem: unknown) => of({ context: valid, problem })),
  );
  return concat(contexts$, NEVER).pipe(share({ connector: () => new ReplaySubject(1) }));
}
