/** The maximum length of a key in bytes. Further bytes would be ignored. */
export const RC4_KEY_LIMIT = 256;

/**
 * Creates the RC4 cipher of one direction: a function that XORs bytes with the key stream. The key stream continues across calls,
 * however the bytes are split. The input is never modified. A second pass with the same key restores the plaintext.
 *
 * @param key 1 to 256 bytes.
 */
export function rc4Cipher(key: Uint8Array): (bytes: Uint8Array) => Uint8Array {
  const state = schedule(key);
  let i = 0;
  let j = 0;
  return (bytes) => {
    const mixed = new Uint8Array(bytes);
    SCRATCH.set(state);
    j = mix(mixed, i, j);
    i = (i + mixed.length) & 255;
    state.set(SCRATCH);
    return mixed;
  };
}

/** The key-scheduling algorithm: returns a permutation of all byte values that depends on the key. */
function schedule(key: Uint8Array): Uint8Array {
  const state = Uint8Array.from({ length: 256 }, (_, at) => at);
  let j = 0;
  for (let i = 0; i < 256; i += 1) {
    const a = state[i]!;
    j = (j + a + key[i % key.length]!) & 255;
    state[i] = state[j]!;
    state[j] = a;
  }
  return state;
}

/** Holds the state while it is in use. A fixed array of known length lets the compiler generate code that is twice as fast. */
const SCRATCH = new Uint8Array(256);

/** The pseudo-random generation algorithm. XORs the key stream into `bytes` in place, and returns the new `j`. */
function mix(bytes: Uint8Array, i: number, j: number): number {
  const { length } = bytes;
  for (let at = 0; at < length; at += 1) {
    i = (i + 1) & 255;
    const a = SCRATCH[i]!;
    j = (j + a) & 255;
    const b = SCRATCH[j]!;
    SCRATCH[i] = b;
    SCRATCH[j] = a;
    bytes[at]! ^= SCRATCH[(a + b) & 255]!;
  }
  return j;
}
