import { map } from 'rxjs';
import { EPROTOCOL, IOStreamError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { ownOptions } from '../wire/own-options.ts';

/** What {@link mapCodec} does with each message. */
export interface MapCodecOptions<T, W, U, V> {
  /** Makes a message of what the codec below decoded. */
  readonly decode: (frame: T) => U;
  /** Makes of a message what the codec below encodes. */
  readonly encode: (message: V) => W;
}

/**
 * A codec over another one: MessagePack or CBOR in frames with a length, JSON in lines, or your own.
 *
 * ```text
 *   bytes ──▶ codec.decode() ──▶ decode ──▶ messages
 *   bytes ◀── codec.encode() ◀── encode ◀── messages
 * ```
 *
 * The frame limit is that of the codec below. What `decode` throws is EPROTOCOL in phase `'read'`, what `encode` throws EPROTOCOL
 * in phase `'write'`, both with the `cause`; an `IOStreamError` stays as it is. Lossless.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { lines, mapCodec } from 'rxjs-io-stream';
 *
 * const numbers = mapCodec(lines({ maxLength: 32 }), { decode: Number, encode: String });
 * of(1, 2).pipe(numbers.encode(), numbers.decode()).subscribe(console.log);
 * ```
 *
 * @throws TypeError unless both are functions.
 */
export function mapCodec<T, W, U, V = U>(codec: Codec<T, W>, options: MapCodecOptions<T, W, U, V>): Codec<U, V> {
  const { decode, encode } = ownOptions(options, 'mapCodec', ['decode', 'encode']);
  if (typeof decode !== 'function' || typeof encode !== 'function')
    throw new TypeError('expected `decode` and `encode` of mapCodec to be functions');
  return {
    decode: () => (bytes$) => bytes$.pipe(codec.decode(), map(guarded(decode, 'read'))),
    encode: () => (message$) => message$.pipe(map(guarded(encode, 'write')), codec.encode()),
  };
}

/** The text of the cause stays in the cause: it may quote the message, and what is in there is not ours to tell. */
function guarded<A, B>(convert: (value: A) => B, phase: 'read' | 'write'): (value: A) => B {
  return (value) => {
    try {
      return convert(value);
    } catch (error) {
      if (error instanceof IOStreamError) throw error;
      const message = `expected a message that can be ${phase === 'read' ? 'decoded' : 'encoded'}, got another; see \`cause\``;
      throw new IOStreamError(EPROTOCOL, { phase, message, cause: error, fatal: phase === 'read' });
    }
  };
}
