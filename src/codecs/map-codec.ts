import { map } from 'rxjs';
import { EPROTOCOL, IOStreamError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { ownOptions } from '../util/own-options.ts';

/** Functions of {@link mapCodec}, called for each message. */
export interface MapCodecOptions<T, W, U, V> {
  /** Converts a frame decoded by the codec below to a message. */
  readonly decode: (frame: T) => U;
  /** Converts a message to a frame for the codec below. */
  readonly encode: (message: V) => W;
}

/**
 * Creates a codec on top of another one: MessagePack or CBOR in frames with a length, JSON in lines, or your own format.
 *
 * ```text
 *   bytes ──▶ codec.decode() ──▶ decode ──▶ messages
 *   bytes ◀── codec.encode() ◀── encode ◀── messages
 * ```
 *
 * The frame limit is that of the codec below.
 *
 * **Errors**
 * - If `decode` throws: EPROTOCOL in phase `'read'`, with the thrown value as `cause`.
 * - If `encode` throws: EPROTOCOL in phase `'write'`, with the thrown value as `cause`.
 * - A thrown `IOStreamError` is emitted unchanged.
 *
 * **Backpressure**: lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { lines, mapCodec } from 'rxjs-io-stream';
 *
 * const numbers = mapCodec(lines({ maxLength: 32 }), { decode: Number, encode: String });
 * of(1, 2).pipe(numbers.encode(), numbers.decode()).subscribe(console.log);
 * ```
 *
 * @param codec the codec below.
 * @param options the two conversions.
 * @returns the combined codec.
 * @throws TypeError unless `decode` and `encode` are functions.
 */
export function mapCodec<T, W, U, V = U>(codec: Codec<T, W>, options: MapCodecOptions<T, W, U, V>): Codec<U, V> {
  const { decode, encode } = ownOptions(options, 'mapCodec', ['decode', 'encode']);
  if (typeof decode !== 'function' || typeof encode !== 'function')
    throw new TypeError('expected `decode` and `encode` of mapCodec to be functions');
  return {
    decode: () => (bytes$) => bytes$.pipe(codec.decode(), map(withProtocolErrors(decode, 'read'))),
    encode: () => (message$) => message$.pipe(map(withProtocolErrors(encode, 'write')), codec.encode()),
  };
}

/** Converts throws to EPROTOCOL. The text of the cause is not copied into the message: it may quote confidential data. */
function withProtocolErrors<A, B>(convert: (value: A) => B, phase: 'read' | 'write'): (value: A) => B {
  return (value) => {
    try {
      return convert(value);
    } catch (error) {
      if (error instanceof IOStreamError) throw error;
      const message = phase === 'read' ? 'received a message that cannot be decoded' : 'expected a message that can be encoded';
      throw new IOStreamError(EPROTOCOL, { phase, message: `${message}; see \`cause\``, cause: error, fatal: phase === 'read' });
    }
  };
}
