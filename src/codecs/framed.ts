import type { Observable, ObservableInput } from 'rxjs';
import type { ConsumeOptions } from '../stream/consume.ts';
import { coreOf, type IOStream } from '../stream/io-stream.ts';
import type { Codec } from './codec.ts';
import { MessageWriter } from './message-writer.ts';
import { Messages } from './messages.ts';

/** A stream of messages over a stream of bytes; see {@link framed}. */
export interface Framed<T, W = T> {
  /** The stream of bytes below. */
  readonly io: IOStream;
  /**
   * The messages in order. Multicast: the first come one tick after the first subscription. What is not taken stays: after
   * `take(1)` the next subscriber gets the next message. Ends as `data$` does.
   */
  readonly messages$: Observable<T>;
  /**
   * Encodes and queues a message; it leaves like `io.write`.
   *
   * @returns false when the caller should wait for SENT or `io.output.blocked$`, or when nothing was taken.
   */
  write(message: W): boolean;
  /**
   * Handles message after message: the next one when the Observable of the last has completed, and meanwhile the stream is
   * held. With `concurrency` so many are handled at the same time, begun in order. Cold; one at a time. Emits what the inner
   * Observables emit, as it comes; ends as `messages$`, when all of them have; errors with them too (the stream goes on).
   *
   * @throws TypeError when `concurrency` is no whole number from 1 on.
   */
  consume<R>(handle: (message: T) => ObservableInput<R>, options?: ConsumeOptions): Observable<R>;
}

/**
 * Joins a codec to a stream: messages instead of bytes, both ways.
 *
 * ```text
 *   messages$, consume ◀── decode() ◀── bytes ── io
 *   write ───────────────▶ encode() ─── bytes ─▶ io.write
 * ```
 *
 * - **Who reads the bytes?** Nobody before the first subscriber of `messages$` or `consume`; from then on, and as long as there
 *   is one, bytes are taken as by `io.consume`, which is refused meanwhile. `data$` may watch. The half of a frame that came is
 *   kept here for the next subscriber: do not change to reading `io` itself in the midst of a frame.
 * - **Which operators keep the backpressure?** None: RxJS has no way to hold a source, and `concatMap`, `mergeMap` with a limit,
 *   `observeOn` or `delay` keep in memory what they have not handled. `consume` holds the stream, down to the peer; so does
 *   taking single messages with `firstValueFrom(messages$)`. Operators that handle a message at once (`map`, `filter`, `scan`)
 *   need none.
 * - **How does it end?** After the peer's EOF and the last message: complete. EOF in the midst of a frame, a frame over the
 *   limit, whatever else the codec throws: after all messages before it `messages$` errors with that, and the stream closes with
 *   that error, unless its `isFatal` says no. An error of the stream comes after all messages before it. After our own `close()` nothing more
 *   comes, and it completes.
 * - **What if a message cannot be encoded?** Nothing of it is written, `write` gives false, and the error closes the stream, when
 *   the caller's tick is over, unless `isFatal` says no. An `encode()` that completes is such an error (EPROTOCOL). A message is
 *   written whole or not at all, whatever `outBufLimit` is.
 *
 * The encoder's state is born with the first `write`, the decoder's with the first reader; both are freed when the stream closes,
 * the decoder's only if no bytes are left for a later reader. One `framed` for a stream. Lossless.
 * Besides the codec's frame it holds the messages of one chunk.
 *
 * ```ts
 * import { connect, framed, lines } from 'rxjs-io-stream';
 * import { map, switchMap } from 'rxjs';
 *
 * connect({ host: '127.0.0.1', port: 7 })
 *   .pipe(
 *     switchMap((io) => {
 *       const { messages$, write } = framed(io, lines({ maxLength: 1024 }));
 *       write('hello');
 *       return messages$;
 *     }),
 *     map((line) => line.toUpperCase()),
 *   )
 *   .subscribe(console.log);
 * ```
 *
 * @param io any stream, open or still opening.
 * @param codec of the bytes to read, and of the messages to write.
 */
export function framed<T, W = T>(io: IOStream, codec: Codec<T, W>): Framed<T, W> {
  const messages = new Messages(io, codec);
  const writer = new MessageWriter(coreOf(io), codec);
  return {
    io,
    messages$: messages.all$,
    write: (message) => writer.write(message),
    consume: (handle, options) => messages.consume(handle, options),
  };
}
