/**
 * Finds the peer's certificate in a TLS session, in the DER format of OpenSSL and BoringSSL:
 *
 * ```text
 * SEQUENCE { INTEGER version, INTEGER protocol, OCTET STRING cipher, OCTET STRING id, OCTET STRING secret,
 *            [1] time, [2] timeout, [3] certificate, … }
 * ```
 *
 * Newer Node versions prepend the name that the session is for.
 *
 * @returns the DER of the certificate; `undefined` if there is none, or if the bytes are not a session.
 */
export function certificateInSession(session: Uint8Array): Uint8Array | undefined {
  const all = element(session, startOf(session));
  if (all?.tag !== SEQUENCE) return undefined;
  for (let next = element(all.content, 0); next; next = element(all.content, next.end)) if (next.tag === CERTIFICATE) return next.content;
  return undefined;
}

/** The prefix that Node writes, followed by the length of the name (two bytes) and the name. */
const NODE_PREFIX = new TextEncoder().encode('\0nodejs:tls:session:1\0');

function startOf(session: Uint8Array): number {
  if (!NODE_PREFIX.every((byte, at) => session[at] === byte)) return 0;
  const [high = 0, low = 0] = session.subarray(NODE_PREFIX.length);
  return NODE_PREFIX.length + 2 + high * 256 + low;
}

const SEQUENCE = 0x30;
/** Context-specific, constructed, number 3. */
const CERTIFICATE = 0xa3;

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** The position of the next element. */
  readonly end: number;
}

/** Returns the DER element at a position (X.690 section 8.1), or undefined if it is incomplete. */
function element(bytes: Uint8Array, at: number): Element | undefined {
  const [tag, first] = bytes.subarray(at, at + 2);
  if (tag === undefined || first === undefined) return undefined;
  // From 0x80: the low bits hold the number of length bytes.
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const start = at + 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : bytes.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
  const end = start + length;
  return end > bytes.length ? undefined : { tag, content: bytes.subarray(start, end), end };
}
