import type { SecureContext } from 'node:tls';
import type { TlsSessionCache } from './tls-options.ts';
import type { SessionSlot } from './tls-layer.ts';

/** The maximum number of targets for each context. The target with the oldest session is removed first. */
const MAX_PLACES = 100;
/** The maximum length of a session in bytes. Longer ones are not kept, because the server chooses the length of its tickets. */
const MAX_KEY_LENGTH = 16 * 1024;

/**
 * Keeps the newest TLS session of each target, for the next connection to resume: 100 sessions of at most 16 KiB.
 *
 * A session includes the result of the certificate check. So it belongs to its context: another context may trust other authorities.
 */
export class TlsSessions {
  readonly #contexts = new WeakMap<SecureContext, Map<string, Buffer>>();

  /** Returns the session slot of a target. */
  of(target: string): SessionSlot {
    return {
      get: (context) => this.#contexts.get(context)?.get(target),
      set: (context, session) => this.#set(context, target, session),
    };
  }

  #set(context: SecureContext, target: string, session: Buffer | undefined): void {
    const sessions = this.#contexts.get(context) ?? new Map<string, Buffer>();
    this.#contexts.set(context, sessions);
    sessions.delete(target);
    if (!session || session.length > MAX_KEY_LENGTH) return;
    sessions.set(target, session);
    const [oldest] = sessions.keys();
    if (sessions.size > MAX_PLACES && oldest !== undefined) sessions.delete(oldest);
  }
}

/** Returns the session slot of a key in the user's cache. */
export function placeIn(cache: TlsSessionCache, key: string): SessionSlot {
  return {
    get: () => cache.get(key),
    set: (_context, session) => {
      if (!session) cache.delete(key);
      else if (session.length <= MAX_KEY_LENGTH) cache.set(key, session);
    },
  };
}
