import type { SecureContext } from 'node:tls';
import { rememberCertificates, type PeerCertificates } from './peer-certificates.ts';
import type { TlsRole } from './tls-role.ts';

/**
 * Keeps the sessions of one connection: the one that it offers to resume, and the newest that it receives. Sessions are stored only
 * after the peer has been accepted.
 */
export class TlsResumption {
  readonly #role: Pick<TlsRole, 'sessionToResume' | 'sessionStore'>;
  #context: SecureContext | undefined;
  #offered: Uint8Array | undefined;
  #newest: Buffer | undefined;
  /** The certificates of the accepted peer. */
  #accepted: PeerCertificates | undefined;

  readonly #onThrow: (thrown: unknown) => void;

  /** @param onThrow called if a user's cache throws while a session is stored. */
  constructor(role: Pick<TlsRole, 'sessionToResume' | 'sessionStore'>, onThrow: (thrown: unknown) => void) {
    this.#role = role;
    this.#onThrow = onThrow;
  }

  /** The session offered to the peer. */
  get offered(): Uint8Array | undefined {
    return this.#offered;
  }

  /** The newest session received from the peer. */
  get newest(): Uint8Array | undefined {
    return this.#newest;
  }

  /** Chooses the session to resume. A user's cache or function may throw. */
  offer(context: SecureContext): Uint8Array | undefined {
    this.#context = context;
    this.#offered = this.#role.sessionToResume?.(this.#role.sessionStore?.get(context));
    return this.#offered;
  }

  /** Called for each session that Node reports. */
  receive(session: Buffer | undefined): void {
    this.#newest = session;
    this.#store();
  }

  /** Stores the sessions of the peer, received before and from now on. */
  accept(certificates: PeerCertificates): void {
    this.#accepted = certificates;
    this.#store();
  }

  #store(): void {
    if (!this.#context || !this.#newest || !this.#accepted) return;
    rememberCertificates(this.#newest, this.#accepted);
    try {
      this.#role.sessionStore?.set(this.#context, this.#newest);
    } catch (thrown) {
      this.#onThrow(thrown);
    }
  }

  /** Deletes the stored session, so that a session that the peer no longer accepts does not fail every later connection. */
  forget(): void {
    try {
      if (this.#context) this.#role.sessionStore?.set(this.#context, undefined);
    } catch {
      // The connection fails already, for a reason of its own.
    }
  }
}
