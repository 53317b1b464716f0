import type { OperatorFunction } from 'rxjs';

/** The codec to check: a `Codec` of the library, or any object of this shape. */
export interface CodecUnderTest<T, W> {
  /** Returns an operator that emits each complete message of the bytes. */
  decode(): OperatorFunction<Uint8Array, T>;
  /** Returns an operator that emits the bytes of each message. */
  encode(): OperatorFunction<W, Uint8Array>;
}
