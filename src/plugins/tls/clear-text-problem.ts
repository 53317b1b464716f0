/** How many bytes of a server's clear text a message quotes: enough to identify the protocol by its greeting. */
const QUOTED_OF_SERVER = 32;
/** For a client: at most its first word. The rest may contain a password or a token. */
const QUOTED_OF_CLIENT = 4;
/** How many bytes are kept to distinguish TLS from clear text, and to quote them. */
export const FIRST_BYTES: number = QUOTED_OF_SERVER + 1;

/** The content types of TLS records, from change_cipher_spec to application_data (RFC 8446 section 5.1). */
const isContentType = (byte: number): boolean => byte >= 20 && byte <= 23;

/**
 * Describes clear text received instead of TLS. The first record of TLS has a known type and version 3.x (RFC 8446 section 5.1).
 *
 * @param first the first bytes of the peer.
 * @returns `undefined` if the bytes may be TLS.
 */
export function clearTextProblem(first: Uint8Array, peer: 'server' | 'client'): string | undefined {
  const [type, version] = first;
  if (type === undefined || (isContentType(type) && (version === undefined || version === 3))) return undefined;
  return `the peer does not speak TLS: it sent \`${quoted(first, peer === 'server' ? QUOTED_OF_SERVER : QUOTED_OF_CLIENT)}\``;
}

/** Quotes the first line, up to `limit` bytes. Everything except printable ASCII is escaped. */
function quoted(bytes: Uint8Array, limit: number): string {
  const lineEnd = bytes.findIndex((byte) => byte === 13 || byte === 10);
  const line = lineEnd > 0 ? bytes.subarray(0, lineEnd) : bytes;
  const shown = Array.from(line.subarray(0, limit), (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
  return line.length > limit ? `${shown}…` : shown;
}
