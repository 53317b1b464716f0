import { createCipheriv } from 'node:crypto';
import { mapBytes, type Plugin } from 'rxjs-io-stream';

/**
 * Your own plugin in four lines: what goes down is ciphered, what comes up is deciphered, nobody above or below knows.
 *
 * ```text
 *   application ── plain ──▶ cipher ── ciphered ──▶ wire
 *   application ◀── plain ── cipher ◀── ciphered ── wire
 * ```
 *
 * Each connection has a running key stream of its own in each direction: byte n is ciphered with byte n of the key stream. One
 * byte lost, doubled or out of order, and nothing after it can be read. An echo server gives the ciphered bytes back, so both
 * directions use the same key stream; two peers who both speak would need a key each, or TLS.
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

/** AES in counter mode: as many bytes out as in, and the same function there and back. */
export function keyStream(key: Uint8Array): (bytes: Uint8Array) => Uint8Array {
  const aes = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return (bytes) => aes.update(bytes);
}
