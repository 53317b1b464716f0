import { RC4_KEY_LIMIT, rc4Cipher } from '../protocol/rc4.ts';
import type { Plugin } from '../wire/signal.ts';
import { mapBytes } from '../layers/map-bytes.ts';

/**
 * Creates a plugin that encrypts outbound and decrypts inbound bytes with RC4. Each direction has its own key stream.
 *
 * ```text
 *   application ── data(abc) ──▶ ⊕ key stream ── data(…) ──▶ wire
 *   application ◀── data(abc) ── ⊕ key stream ◀── data(…) ── wire
 * ```
 *
 * **RC4 is broken** (RFC 7465 forbids it in TLS). Its key stream is biased, and modified bytes are not detected. Both directions use
 * the same key, so an observer of both learns the XOR of the two plaintexts. Use it to communicate with peers that require it, or as
 * an example of a cipher plugin. For secrecy use `tlsClient`.
 *
 * The length of the data does not change, and `sent` is exact. Your bytes are never modified. All state is created when the stream
 * connects. Key schedule and test vectors: RFC 6229.
 *
 * **Errors**
 * - None: there is no handshake. With a key other than the peer's, the output is garbage.
 *
 * **Backpressure, Memory**
 * - Lossless. Holds no bytes.
 *
 * ```ts
 * import { IOStream, rc4 } from 'rxjs-io-stream';
 *
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { rc4: rc4('a passphrase') }, cb: console.log });
 * ```
 *
 * @param passphrase the key: 1 to 256 bytes, or a string of that length in UTF-8. It is copied.
 * @throws TypeError for any other value.
 * @see {@link tlsClient}
 */
export function rc4(passphrase: string | Uint8Array): Plugin {
  const key = keyOf(passphrase);
  const cipher = (): ((bytes: Uint8Array) => Uint8Array) => rc4Cipher(key);
  return (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(cipher), wire(dial), mapBytes(cipher));
}

/** Validates the key. The error contains only its type and length, because a wrong key may still be a secret. */
function keyOf(passphrase: unknown): Uint8Array {
  let key: Uint8Array | undefined;
  if (typeof passphrase === 'string') key = new TextEncoder().encode(passphrase);
  else if (passphrase instanceof Uint8Array) key = new Uint8Array(passphrase);
  if (key && key.length > 0 && key.length <= RC4_KEY_LIMIT) return key;
  const got = key ? `${key.length} bytes` : passphrase === null ? 'null' : typeof passphrase;
  throw new TypeError(`expected \`passphrase\` of rc4 to be a string or a Uint8Array of 1 to ${RC4_KEY_LIMIT} bytes, got ${got}`);
}
