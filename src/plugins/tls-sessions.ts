import type { SecureContext } from 'node:tls';
import type { TlsSessionCache } from './tls-options.ts';
import type { SessionPlace } from './tls-layer.ts';

/** So many targets are remembered for a context; the one whose session is the oldest is forgotten first. */
const MOST = 100;
/** Longer sessions are not kept, in bytes: a server decides how long its tickets are. */
const LONGEST = 16 * 1024;

/**
 * The newest TLS session of each target, for the next connection to resume: 100 of at most 16 KiB.
 *
 * A session keeps what was found out about the certificate when it was made. So it belongs to its context: what another one
 * trusts says nothing here.
 */
export class TlsSessions {
  readonly #contexts = new WeakMap<SecureContext, Map<string, Buffer>>();

  /** The place of one target. */
  of(target: string): SessionPlace {
    return {
      get: (context) => this.#contexts.get(context)?.get(target),
      set: (context, session) => this.#set(context, target, session),
    };
  }

  #set(context: SecureContext, target: string, session: Buffer | undefined): void {
    const sessions = this.#contexts.get(context) ?? new Map<string, Buffer>();
    this.#contexts.set(context, sessions);
    sessions.delete(target);
    if (!session || session.length > LONGEST) return;
    sessions.set(target, session);
    const [oldest] = sessions.keys();
    if (sessions.size > MOST && oldest !== undefined) sessions.delete(oldest);
  }
}

/** The place of a key in a cache of the user's. */
export function placeIn(cache: TlsSessionCache, key: string): SessionPlace {
  return {
    get: () => cache.get(key),
    set: (_context, session) => {
      if (!session) cache.delete(key);
      else if (session.length <= LONGEST) cache.set(key, session);
    },
  };
}
