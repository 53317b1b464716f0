import { createCipheriv } from 'node:crypto';
import { mapBytes, type Plugin } from 'rxjs-io-stream';

/**
 * Your own plugin in four lines: encrypts outbound bytes and decrypts inbound bytes. Other layers need no change.
 *
 * ```text
 *   application ── plain ──▶ cipher ── ciphered ──▶ wire
 *   application ◀── plain ── cipher ◀── ciphered ── wire
 * ```
 *
 * Each connection has its own key stream in each direction. Byte n is encrypted with byte n of the key stream, so after a lost,
 * repeated or reordered byte nothing can be decrypted. Both directions use the same key stream, because an echo server returns the
 * encrypted bytes. Two peers that both send data of their own need a key each, or TLS.
 */
export const cipher =
  (key: Uint8Array): Plugin =>
  (wire) =>
  (dial) =>
  (flow$) =>
    flow$.pipe(
      mapBytes(() => keyStream(key)),
      wire(dial),
      mapBytes(() => keyStream(key)),
    );

/** AES in counter mode. Keeps the number of bytes; encrypting and decrypting are the same function. */
export function keyStream(key: Uint8Array): (bytes: Uint8Array) => Uint8Array {
  const aes = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return (bytes) => aes.update(bytes);
}
