import { describeWithType } from '../util/describe.ts';
import { encodeText } from './encode-text.ts';
import { unencodable } from './frame-errors.ts';

/** Returns bytes unchanged, and text encoded in UTF-8. Throws for anything else. */
export function frameBytes(message: unknown): Uint8Array {
  if (typeof message === 'string') return encodeText(message);
  if (message instanceof Uint8Array) return message;
  throw unencodable(`expected a message of bytes or text, got ${describeWithType(message)}`);
}
