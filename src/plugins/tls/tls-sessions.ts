import type { SecureContext } from 'node:tls';
import { MAX_SESSION_BYTES, type SessionStore } from './session-store.ts';

/** The maximum number of targets for each context. The target with the oldest session is removed first. */
const MAX_TARGETS = 100;

/**
 * Keeps the newest TLS session of each target, for the next connection to resume: 100 sessions of at most 16 KiB.
 *
 * A session includes the result of the certificate check. So it belongs to its context: another context may trust other authorities.
 */
export class TlsSessions {
  readonly #contexts = new WeakMap<SecureContext, Map<string, Buffer>>();

  /** Returns the session store of a target. */
  of(target: string): SessionStore {
    return {
      get: (context) => this.#contexts.get(context)?.get(target),
      set: (context, session) => this.#set(context, target, session),
    };
  }

  #set(context: SecureContext, target: string, session: Buffer | undefined): void {
    const sessions = this.#contexts.get(context) ?? new Map<string, Buffer>();
    this.#contexts.set(context, sessions);
    sessions.delete(target);
    if (!session || session.length > MAX_SESSION_BYTES) return;
    sessions.set(target, session);
    const [oldest] = sessions.keys();
    if (sessions.size > MAX_TARGETS && oldest !== undefined) sessions.delete(oldest);
  }
}
