import type { SecureContext } from 'node:tls';
import type { TlsSessionCache } from './tls-options.ts';

/** The stored session of one target. */
export interface SessionStore {
  get(context: SecureContext): Uint8Array | undefined;
  /** Stores a session, or deletes the stored one. */
  set(context: SecureContext, session: Buffer | undefined): void;
}

/** The maximum length of a stored session in bytes. The server chooses the length of its tickets. */
export const MAX_SESSION_BYTES: number = 16 * 1024;

/** Returns the store of one key in the user's cache. */
export function sessionStoreIn(cache: TlsSessionCache, key: string): SessionStore {
  return {
    get: () => cache.get(key),
    set: (_context, session) => {
      if (!session) cache.delete(key);
      else if (session.length <= MAX_SESSION_BYTES) cache.set(key, session);
    },
  };
}
