import { map } from 'rxjs';
import type { Codec } from './codec.ts';
import { codecOptions } from './codec-options.ts';
import { frameBytes } from './frame-bytes.ts';
import { parseWith, type Parse } from './parser.ts';

/** Options of {@link parse}. */
export interface ParseOptions<W> {
  /** Maximum bytes of a message, including its headers. Required. */
  readonly maxLength: number;
  /** Returns the bytes of a message. Text is encoded in UTF-8. @default returns bytes and text unchanged */
  readonly encode?: ((message: W) => Uint8Array | string) | undefined;
}

/**
 * Creates a codec from a generator that reads one message.
 *
 * The generator is written as if all bytes had arrived. It is called for each message, when the first byte has arrived. It reads
 * with `yield* link.read(n)` and `yield* link.readUntil(delimiter, limit)`, and returns the message. It may call itself for nested
 * messages.
 *
 * ```text
 *   bytes ──▶ yield* link.read(n) … return message ──▶ messages
 *                  ▲                      │
 *                  └──── and again ───────┘
 * ```
 *
 * Decoding takes linear time for any chunk boundaries.
 *
 * **Errors**
 * - EFRAMELIMIT for a message that has, or requests, more than `maxLength` bytes.
 * - EPROTOCOL if a delimiter does not end within the `limit` of `readUntil`. The limit includes the delimiter.
 * - EPROTOCOL for an end inside a message, and for any other value that the generator throws, with the `cause`.
 *
 * **Closing**
 * - Completes if the input ends between two messages. Unsubscribing runs the `finally` blocks of the generator.
 *
 * **Backpressure**: lossless. A message is decoded when the previous one has been emitted.
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
 * @param talk reads one message, at least one byte.
 * @param options the limit in bytes, and the encoder of messages.
 * @returns a codec of the messages that the generator returns.
 * @throws TypeError without `maxLength`, or if `talk` is no function.
 */
export function parse<T, W = Uint8Array | string>(talk: Parse<T>, options: ParseOptions<W>): Codec<T, W> {
  if (typeof talk !== 'function') throw new TypeError(`expected a generator function that reads one message, got ${typeof talk}`);
  const { maxLength, encode } = codecOptions(options, 'parse', ['maxLength', 'encode']);
  return {
    decode: parseWith(talk, { maxLength }),
    encode: () => map((message) => frameBytes(encode ? encode(message) : message)),
  };
}
