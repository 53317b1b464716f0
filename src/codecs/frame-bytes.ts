import { EFRAMELIMIT } from '../errors.ts';
import { describeWithType } from '../util/describe.ts';
import { encodeText } from './encode-text.ts';
import { unencodable } from './frame-errors.ts';

/**
 * Returns bytes unchanged, and text encoded in UTF-8. Throws for anything else, and for more than `maxLength` bytes. The errors
 * are not fatal: the connection stays open.
 */
export function frameBytes(message: unknown, maxLength?: number): Uint8Array {
  const bytes = typeof message === 'string' ? encodeText(message) : message;
  if (!(bytes instanceof Uint8Array)) throw unencodable(`expected a message of bytes or text, got ${describeWithType(message)}`);
  if (maxLength !== undefined && bytes.length > maxLength)
    throw unencodable(`expected a frame of at most maxLength = ${maxLength} bytes, got ${bytes.length}`, EFRAMELIMIT);
  return bytes;
}
