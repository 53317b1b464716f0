import { createHash } from 'node:crypto';

/** Bytes, text in UTF-8, or a list of both. */
export type Bytes = Uint8Array | string | readonly (Uint8Array | string)[];

/** Joins all bytes. */
export function joined(bytes: Bytes): Buffer {
  const list = typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes;
  return Buffer.concat(list.map((each) => (typeof each === 'string' ? Buffer.from(each) : each)));
}

/** Throws unless both are the same bytes, however they are cut. The message names the first different byte. */
export function assertSameBytes(received: Bytes, expected: Bytes): void {
  const [got, wanted] = [joined(received), joined(expected)];
  const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  if (got.length === wanted.length && sha(got) === sha(wanted)) return;
  const at = wanted.findIndex((byte, index) => got[index] !== byte);
  const from = at < 0 ? wanted.length : at;
  const near = (bytes: Buffer): string => bytes.subarray(from, from + 16).toString('hex') || 'nothing';
  throw new Error(
    `expected ${wanted.length} bytes, got ${got.length}; they differ from byte ${from} on: expected ${near(wanted)}, got ${near(got)}`,
  );
}
