import { webCrypto } from '../util/web-crypto.ts';
import type { NatsConnection } from './nats-connection.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_';

/**
 * Returns a subject that cannot be guessed, with 132 random bits.
 *
 * @param connection its `inboxPrefix` starts the subject, because permissions may be bound to it.
 */
export function newInbox(connection: NatsConnection): string {
  const { options } = connection as { readonly options?: { readonly inboxPrefix?: string } };
  const bytes = webCrypto().getRandomValues(new Uint8Array(22));
  return `${options?.inboxPrefix ?? '_INBOX'}.${Array.from(bytes, (byte) => ALPHABET[byte & 63]).join('')}`;
}
