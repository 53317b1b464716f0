import type { OperatorFunction } from 'rxjs';

/**
 * Converts bytes to messages and messages to bytes.
 *
 * ```text
 *   bytes ─── ab│c1│d ──▶ decode() ── 'abc'  'd' ──▶ messages     (1: the end of a frame; │: chunk boundaries)
 *   bytes ◀── abc1 d1 ─── encode() ◀─ 'abc'  'd' ─── messages
 * ```
 *
 * Both methods return a cold operator. Its state is created at subscription, so one codec serves many connections. The decoded
 * messages do not depend on the chunk boundaries.
 *
 * Any such pair of operators is a codec. {@link parse} and {@link mapCodec} create one with less code.
 *
 * **Errors**
 * - `decode()` errors in phase `'read'`, after all messages before the error. EPROTOCOL if the source completes inside a frame.
 *   EFRAMELIMIT as soon as a frame is known to exceed `maxLength`.
 * - `encode()` errors in phase `'write'`, not fatal: EFRAMELIMIT or EPROTOCOL for a message that its own decoder would not return.
 *
 * **Closing**
 * - `encode()` emits the bytes of a message from inside `next`, and completes only when its source does. Bytes emitted later may
 *   land between the bytes of other messages. Their errors do not reach the caller of `write`.
 *
 * **Backpressure**: lossless.
 *
 * **Memory**
 * - At most four times `maxLength` and one chunk are buffered.
 * - Do not change bytes passed to a codec, nor frames from it: they may share memory.
 * - Copy a small frame that you keep for long: it may keep its whole chunk in memory.
 *
 * @typeParam T type of the decoded messages.
 * @typeParam W type of the messages to encode.
 * @see {@link framed}, which connects a codec to a stream.
 */
export interface Codec<T, W = T> {
  /** Returns an operator that emits each complete message of the bytes. */
  readonly decode: () => OperatorFunction<Uint8Array, T>;
  /** Returns an operator that emits the bytes of each message. */
  readonly encode: () => OperatorFunction<W, Uint8Array>;
}
