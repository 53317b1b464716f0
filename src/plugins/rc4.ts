import { RC4_KEY_LIMIT, rc4Cipher } from '../protocol/rc4.ts';
import type { Plugin } from '../wire/signal.ts';
import { mapBytes } from './map-bytes.ts';

/**
 * Makes a plugin that encrypts what goes down and decrypts what comes up with RC4, each way with a key stream of its own.
 *
 * ```text
 *   application ── data(abc) ──▶ ⊕ key stream ── data(…) ──▶ wire
 *   application ◀── data(abc) ── ⊕ key stream ◀── data(…) ── wire
 * ```
 *
 * **RC4 is broken** (RFC 7465 forbids it in TLS): its key stream is biased, it does not notice changed bytes, and here both
 * directions use the same key, so that whoever sees both has the difference of the two plain texts. It is there to talk to
 * peers that speak it, and to show what a cipher looks like as a plugin. For secrecy take `tlsClient`.
 *
 * There is no handshake and no error: with another key than the peer's you get garbage. The length stays, `sent` is exact, the
 * bytes you give are never changed, and all state is born when the stream connects. Key schedule and vectors: RFC 6229.
 * Lossless; holds nothing back.
 *
 * ```ts
 * import { IOStream, rc4 } from 'rxjs-io-stream';
 *
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { rc4: rc4('a passphrase') }, cb: console.log });
 * ```
 *
 * @param passphrase the key: 1 to 256 bytes, or a string that is as long in UTF-8. It is copied.
 * @throws TypeError when it is anything else.
 */
export function rc4(passphrase: string | Uint8Array): Plugin {
  const key = keyOf(passphrase);
  const cipher = (): ((bytes: Uint8Array) => Uint8Array) => rc4Cipher(key);
  return (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(cipher), wire(dial), mapBytes(cipher));
}

/** Says of a wrong key only its type and length: it may be a secret all the same. */
function keyOf(passphrase: unknown): Uint8Array {
  let key: Uint8Array | undefined;
  if (typeof passphrase === 'string') key = new TextEncoder().encode(passphrase);
  else if (passphrase instanceof Uint8Array) key = new Uint8Array(passphrase);
  if (key && key.length > 0 && key.length <= RC4_KEY_LIMIT) return key;
  const got = key ? `${key.length} bytes` : passphrase === null ? 'null' : typeof passphrase;
  throw new TypeError(`expected \`passphrase\` of rc4 to be a string or a Uint8Array of 1 to ${RC4_KEY_LIMIT} bytes, got ${got}`);
}
