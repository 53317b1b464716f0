import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { ByteBuffer } from './byte-buffer.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';

/** Reads the bytes of a header, and keeps them: for the checksum, and to put them back. */
export class HeaderReader {
  readonly #link: Link;
  readonly #read = new ByteBuffer();

  constructor(link: Link) {
    this.#link = link;
  }

  /** The bytes that have been read. */
  get bytes(): Uint8Array {
    return this.#read.view();
  }

  *read(count: number): Talk<Uint8Array> {
    try {
      const bytes = yield* this.#link.read(count);
      this.#read.append(bytes);
      return bytes;
    } catch (error) {
      throw isEarlyEnd(error) ? this.#cut() : error;
    }
  }

  #cut(): IOStreamError {
    const received = this.#read.length + this.#link.peek(Infinity).length;
    const where = received === 0 ? 'before the PROXY header' : `within the PROXY header (${received} bytes received)`;
    return new IOStreamError(EPROTOCOL, { phase: 'handshake', message: `connection closed by the peer ${where}` });
  }
}

/** Creates the error for a malformed field. */
export function malformed(field: string, expected: string, got: string): IOStreamError {
  const message = `expected \`${field}\` of the PROXY header to be ${expected}, got ${got}`;
  return new IOStreamError(EPROTOCOL, { phase: 'handshake', message });
}

/** Whether an error is the conversation's own, for the end of the peer. An error of a layer or the system is none. */
function isEarlyEnd(error: unknown): boolean {
  return error instanceof IOStreamError && error.code === EPROTOCOL && error.layer === undefined && error.cause === undefined;
}
