import type { Version } from './tls-pair.ts';

/** A TLS record on the wire. In TLS 1.3 the type of an encrypted record is always that of data. */
export interface TlsRecord {
  readonly type: number;
  readonly length: number;
}

/** Returns the records in a stream of ciphertext. Throws if it ends within one. */
export function recordsOf(bytes: Buffer): TlsRecord[] {
  const records: TlsRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const record = { type: bytes.readUInt8(at), length: bytes.readUInt16BE(at + 3) };
    records.push(record);
    at += 5 + record.length;
    if (at > bytes.length) throw new Error(`expected whole records, the last one lacks ${at - bytes.length} bytes`);
  }
  return records;
}

/**
 * Returns whether the last record may be an alert. In TLS 1.3 only its length shows that: two bytes, their inner type and the tag.
 * Data of two bytes looks the same.
 */
export function endsWithAlert(bytes: Buffer, version: Version): boolean {
  const last = recordsOf(bytes).at(-1);
  return version === 'TLSv1.2' ? last?.type === 21 : last?.type === 23 && last.length === 2 + 1 + 16;
}
