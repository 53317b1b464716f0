import { EPROTOCOL, IOStreamError } from '../errors.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';
import { quoted } from './printable.ts';
import { HeaderReader, malformed } from './proxy-protocol-reader.ts';
import type { ProxyHeader } from './proxy-protocol-types.ts';
import { readV1, SIGNATURE_V1 } from './proxy-protocol-v1.ts';
import { readV2, SIGNATURE_V2 } from './proxy-protocol-v2.ts';

/** How to read a header. */
export interface ProxyHeaderOptions {
  /** The maximum size of a header of version 2, in bytes. */
  readonly limit: number;
  /** Whether other bytes than a header, or none, are accepted. They remain unread. */
  readonly isOptional: boolean;
}

const SIGNATURES = [
  [1, SIGNATURE_V1],
  [2, SIGNATURE_V2],
] as const;

/**
 * Reads the header of the PROXY protocol, version 1 or 2 (haproxy's proxy-protocol.txt of 2026-04-27).
 *
 * ```text
 *   PROXY TCP4 203.0.113.7 198.51.100.1 51234 443 CR LF                                                          version 1
 *   signature (12) | 2, command | family, transport | length (2) | addresses and ports | type, length, value | …  version 2
 * ```
 *
 * **Errors**
 * - EPROTOCOL for a malformed header, with the name of the field. Reported as soon as that field has been received.
 * - EPROTOCOL if the peer ends within the header.
 *
 * @returns the header; undefined if there is none and it is optional.
 */
export function* readProxyHeader(link: Link, { limit, isOptional }: ProxyHeaderOptions): Talk<ProxyHeader | undefined> {
  const reader = new HeaderReader(link);
  let version: 1 | 2 | undefined;
  try {
    version = yield* readSignature(reader);
  } catch (error) {
    if (!isOptional) throw error;
  }
  if (version === 1) return yield* readV1(reader);
  if (version === 2) return yield* readV2(reader, limit);
  if (!isOptional) throw noSignature(reader.bytes);
  link.unshift(reader.bytes);
  return undefined;
}

/** Reads until the bytes are a signature, or cannot become one. */
function* readSignature(reader: HeaderReader): Talk<1 | 2 | undefined> {
  let candidates = SIGNATURES.slice();
  for (let at = 0; candidates.length > 0; at += 1) {
    const [byte] = yield* reader.read(1);
    candidates = candidates.filter(([, signature]) => signature[at] === byte);
    const found = candidates.find(([, { length }]) => length === at + 1);
    if (found) return found[0];
  }
  return undefined;
}

function noSignature(bytes: Uint8Array): IOStreamError {
  const got = quoted(String.fromCharCode(...bytes));
  if (bytes[0] !== 0x16) return malformed('signature', '"PROXY " or that of version 2', got);
  const message = `expected a PROXY header, got ${got}, which starts TLS: the peer sends no header`;
  return new IOStreamError(EPROTOCOL, { phase: 'handshake', message });
}
