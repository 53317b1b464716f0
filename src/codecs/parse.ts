import { map } from 'rxjs';
import type { Codec } from './codec.ts';
import { decoding } from './decoding.ts';
import { codecOptions, frameBytes } from './frame.ts';
import { Parser, type Parse } from './parser.ts';

/** What {@link parse} is told besides the generator. */
export interface ParseOptions<W> {
  /** The most bytes a message may have, headers and all. Required. */
  readonly maxLength: number;
  /** Gives the bytes of a message; text is UTF-8. @default bytes and text as they are */
  readonly encode?: ((message: W) => Uint8Array | string) | undefined;
}

/**
 * Makes a codec of a generator that reads one message.
 *
 * In plain words: write down how one message is read, as if all bytes were there. The generator is called again for each
 * message, when the first byte of it is there; it asks for exact pieces with `yield* link.read(n)` and
 * `yield* link.readUntil(delimiter, limit)`, and what it returns is the message. It may call itself, for messages inside of
 * messages.
 *
 * ```text
 *   bytes ──▶ yield* link.read(n) … return message ──▶ messages
 *                  ▲                      │
 *                  └──── and again ───────┘
 * ```
 *
 * A message longer than `maxLength` bytes, or one that asks for more, is EFRAMELIMIT. A delimiter that does not end within the
 * `limit` of `readUntil`, which counts its own bytes too, is EPROTOCOL. An end between messages is the end, one
 * in the midst of a message is EPROTOCOL; so is whatever else the generator throws, with the `cause`. Its `finally` blocks run
 * when it is unsubscribed. Messages are made one at a time, when the last has been taken. Linear, however the bytes are cut.
 * Lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { parse } from 'rxjs-io-stream';
 *
 * // One byte of length, then a name.
 * const names = parse(
 *   function* (link) {
 *     const [length = 0] = yield* link.read(1);
 *     return new TextDecoder().decode(yield* link.read(length));
 *   },
 *   { maxLength: 256 },
 * );
 * of(Uint8Array.of(2, 65, 66, 1), Uint8Array.of(67)).pipe(names.decode()).subscribe(console.log); // AB, C
 * ```
 *
 * @param talk reads one message: a byte of it at least.
 * @throws TypeError without `maxLength`.
 */
export function parse<T, W = Uint8Array | string>(talk: Parse<T>, options: ParseOptions<W>): Codec<T, W> {
  if (typeof talk !== 'function') throw new TypeError(`expected a generator function that reads one message, got ${typeof talk}`);
  const { maxLength, encode } = codecOptions(options, 'parse', ['maxLength', 'encode']);
  return {
    decode: () => decoding(() => new Parser(talk, { maxLength })),
    encode: () => map((message) => frameBytes(encode ? encode(message) : message)),
  };
}
