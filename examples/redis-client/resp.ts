// A codec for RESP 2, the protocol of Redis.
import { parse, type Codec, type Need, type Reader } from 'rxjs-io-stream';

export type Word = string | Uint8Array | number;
/** A reply. In an array, an error is a value, for example in the reply to EXEC. */
export type Reply = string | Buffer | number | null | RedisError | readonly Reply[];

/** An error reply of the server. `code` is its first word: `ERR`, `WRONGTYPE`. */
export class RedisError extends Error {
  override readonly name = 'RedisError';
  readonly code: string = this.message.split(' ', 1)[0] ?? '';
}

const MIB = 2 ** 20;

/** Creates the codec. The generator reads one reply as if all its bytes had arrived. */
export function resp(binary = false): Codec<Reply, readonly Word[]> {
  function* reply(link: Reader, depth = 0): Generator<Need, Reply, Uint8Array> {
    const line = Buffer.from(yield* link.readUntil('\r\n', MIB));
    const type = line.toString('latin1', 0, 1);
    const rest = line.toString('utf8', 1, line.length - 2);
    if (type === '+') return rest;
    if (type === '-') return new RedisError(rest);
    if (!':$*'.includes(type) || !/^-?\d+$/.test(rest) || depth > 32) throw wrong(line);
    const count = Number(rest);
    if (type === ':') return count;
    if (count < 0) return null;
    if (type === '$') {
      const value = buffer(yield* link.read(count + 2));
      if (value[count] !== 13 || value[count + 1] !== 10) throw wrong(line);
      // A copy, so that a small value does not keep its whole chunk in memory.
      return binary ? Buffer.from(value.subarray(0, count)) : value.toString('utf8', 0, count);
    }
    const replies: Reply[] = [];
    while (replies.length < count) replies.push(yield* reply(link, depth + 1));
    return replies;
  }
  return parse((link) => reply(link), { maxLength: 512 * MIB, encode });
}

function wrong(line: Buffer): Error {
  return new Error(`expected a reply of Redis, got ${JSON.stringify(line.toString('latin1', 0, 40))}`);
}

/** Returns a Buffer over the same memory, for its text methods. */
function buffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** Encodes a command as an array of strings, each with its length in bytes. Converts adjacent text to bytes in one call. */
function encode(words: readonly Word[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  let text = `*${words.length}\r\n`;
  for (const word of words) {
    const part = typeof word === 'object' ? word : String(word);
    text += `$${Buffer.byteLength(part)}\r\n`;
    if (typeof part === 'string') text += part;
    else {
      pieces.push(Buffer.from(text), part);
      text = '';
    }
    text += '\r\n';
  }
  const rest = Buffer.from(text);
  return pieces.length === 0 ? rest : Buffer.concat([...pieces, rest]);
}
