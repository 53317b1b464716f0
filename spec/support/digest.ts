import { createHash } from 'node:crypto';

/** Bytes, text in UTF-8, or a list of both. */
export type Bytes = Uint8Array | string | readonly (Uint8Array | string)[];

/** All of it in one piece. */
export function joined(bytes: Bytes): Buffer {
  const list = typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes;
  return Buffer.concat(list.map((each) => (typeof each === 'string' ? Buffer.from(each) : each)));
}

/** V6: throws unless both are the same stream of bytes, however it is cut; says where they part. */
export function assertSameBytes(received: Bytes, given: Bytes): void {
  const [got, expected] = [joined(received), joined(given)];
  const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  if (got.length === expected.length && sha(got) === sha(expected)) return;
  const at = expected.findIndex((byte, index) => got[index] !== byte);
  const from = at < 0 ? expected.length : at;
  const near = (bytes: Buffer): string => bytes.subarray(from, from + 16).toString('hex') || 'nothing';
  throw new Error(
    `V6: expected ${expected.length} bytes, got ${got.length}; they part at byte ${from}: expected ${near(expected)}, got ${near(got)}`,
  );
}
