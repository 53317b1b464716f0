// The protocol of Redis (RESP 2) as a codec.
import { parse, type Codec, type Need, type Reader } from 'rxjs-io-stream';

export type Word = string | Uint8Array | number;
/** In an array of replies an error is a value, such as one in that of EXEC. */
export type Reply = string | Buffer | number | null | RedisError | readonly Reply[];

/** What the server refused; `code` is its first word: `ERR`, `WRONGTYPE`. */
export class RedisError extends Error {
  override readonly name = 'RedisError';
  readonly code: string = this.message.split(' ', 1)[0] ?? '';
}

const MIB = 2 ** 20;

/** The protocol, RESP 2: how one reply is read, as if all bytes were there, and how a command is written. */
export function resp(binary = false): Codec<Reply, readonly Word[]> {
  function* reply(link: Reader, depth = 0): Generator<Need, Reply, Uint8Array> {
    const line = Buffer.from(yield* link.readUntil('\r\n', MIB));
    const type = line.toString('latin1', 0, 1);
    const rest = line.toString('utf8', 1, line.length - 2);
    if (type === '+') return rest;
    if (type === '-') return new RedisError(rest);
    const count = Number(rest);
    const wrong = (): Error => new Error(`expected a reply of Redis, got ${JSON.stringify(line.toString('latin1', 0, 40))}`);
    if (!':$*'.includes(type) || !/^-?\d+$/.test(rest) || depth > 32) throw wrong();
    if (type === ':') return count;
    if (count < 0) return null;
    if (type === '$') {
      const value = Buffer.from(yield* link.read(count + 2));
      if (value[count] !== 13 || value[count + 1] !== 10) throw wrong();
      return binary ? value.subarray(0, count) : value.toString('utf8', 0, count);
    }
    const replies: Reply[] = [];
    while (replies.length < count) replies.push(yield* reply(link, depth + 1));
    return replies;
  }
  return parse((link) => reply(link), { maxLength: 512 * MIB, encode });
}

/** An array of strings, each with its length in bytes. */
function encode(words: readonly Word[]): Uint8Array | string {
  const parts = words.map((word) => (typeof word === 'object' ? word : String(word)));
  const head = (part: string | Uint8Array): string => `\r\n$${Buffer.byteLength(part)}\r\n`;
  if (parts.every((part) => typeof part === 'string')) return `*${parts.length}${parts.map((part) => head(part) + part).join('')}\r\n`;
  const pieces = parts.flatMap((part) => [Buffer.from(head(part)), Buffer.from(part)]);
  return Buffer.concat([Buffer.from(`*${parts.length}`), ...pieces, Buffer.from('\r\n')]);
}
