import type { OperatorFunction } from 'rxjs';

/**
 * Turns bytes into messages and messages into bytes.
 *
 * ```text
 *   bytes ─── ab│c1│d ──▶ decode() ── 'abc'  'd' ──▶ messages     (1: the end of a frame; │: how the bytes were cut)
 *   bytes ◀── abc1 d1 ─── encode() ◀─ 'abc'  'd' ─── messages
 * ```
 *
 * Both are operators and cold: all state is born when they are subscribed, so one codec serves many connections. What is
 * decoded does not depend on how the bytes were cut. When the source completes in the midst of a frame, `decode()` errors with
 * EPROTOCOL; a frame over the codec's `maxLength` is EFRAMELIMIT as soon as that is known, after all messages before it; both
 * come in phase `'read'`. `encode()` errors, in phase `'write'` and not fatal, at a message that its own decoder would not return:
 * EFRAMELIMIT or EPROTOCOL. It emits the bytes of a message from inside `next`, and completes only when its source does: what
 * comes later may land between those of other messages, and is not the outcome of any `write`. A limit bounds memory: at most
 * four times `maxLength` and one chunk are held. Lossless.
 *
 * Bytes given to a codec, and frames it gave, are not to be changed: they may share memory. Copy a small one that you keep for
 * long, since it may hold on to the chunk it came in.
 *
 * A codec of your own is any such pair of operators; {@link parse} and {@link mapCodec} make one with less.
 *
 * @typeParam T what is decoded.
 * @typeParam W what is encoded.
 * @see {@link framed}, which joins a codec to a stream.
 */
export interface Codec<T, W = T> {
  readonly decode: () => OperatorFunction<Uint8Array, T>;
  readonly encode: () => OperatorFunction<W, Uint8Array>;
}
