import type { OperatorFunction } from 'rxjs';

/** The codec to check: a `Codec` of the library, or any object of this shape. */
export interface CodecUnderTest<T, W> {
  decode(): OperatorFunction<Uint8Array, T>;
  encode(): OperatorFunction<W, Uint8Array>;
}
