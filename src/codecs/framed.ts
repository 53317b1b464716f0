import type { Observable, ObservableInput } from 'rxjs';
import type { Persistent } from '../flow/persistent-types.ts';
import { ReconnectingStream } from '../flow/reconnecting-stream.ts';
import { inWords } from '../stream/bytes.ts';
import type { ConsumeOptions } from '../stream/consume.ts';
import { coreOf, IOStream } from '../stream/io-stream.ts';
import type { Codec } from './codec.ts';
import { OneConnection } from './connections.ts';
import { MessageWriter, StreamOutput } from './message-writer.ts';
import { Messages } from './messages.ts';
import { checkCodec, mistakenStream } from './misuse.ts';
import { PersistentConnections } from './persistent-connections.ts';
import { PersistentOutput } from './persistent-output.ts';

/** A stream of messages over a stream of bytes; see {@link framed}. */
export interface Framed<T, W = T, S = IOStream> {
  /** The stream of bytes below. */
  readonly io: S;
  /**
   * The messages in order. Multicast: the first come one tick after the first subscription. What is not taken stays: after
   * `take(1)` the next subscriber gets the next message. Ends as `data$` does.
   */
  readonly messages$: Observable<T>;
  /**
   * Encodes and queues a message; it is sent like `io.write`.
   *
   * @returns false when the caller should wait for SENT or `io.output.blocked$`, or when nothing was taken.
   * @throws IOStreamError when the message cannot be encoded: nothing of it is written, and the stream stays open.
   */
  readonly write: (message: W) => boolean;
  /**
   * Handles message after message: the next one when the Observable of the last has completed, and meanwhile the stream is
   * paused. `concurrency` sets how many are handled at the same time, started in order. Cold; one at a time. Emits what the inner
   * Observables emit, as it comes; ends as `messages$`, when all of them have; errors with them too (the stream goes on).
   *
   * @throws TypeError when `concurrency` is no whole number from 1 on.
   */
  readonly consume: <R>(handle: (message: T) => ObservableInput<R>, options?: ConsumeOptions) => Observable<R>;
}

/**
 * Joins a codec to a stream: messages instead of bytes, both ways.
 *
 * ```text
 *   messages$, consume ◀── decode() ◀── bytes ── io
 *   write ───────────────▶ encode() ─── bytes ─▶ io.write
 * ```
 *
 * - **When are the bytes read?** Not before the first subscriber of `messages$` or `consume`; from then on, and as long as there
 *   is one, bytes are taken as by `io.consume`, which is refused meanwhile. `data$` may watch. A frame that has come in part is
 *   kept here for the next subscriber: do not change to reading `io` itself in the midst of a frame.
 * - **Which operators keep the backpressure?** None: RxJS cannot pause a source, and `concatMap`, `mergeMap` with a limit,
 *   `observeOn` or `delay` keep in memory what they have not handled. `consume` pauses the stream, down to the peer; so does
 *   taking single messages with `firstValueFrom(messages$)`. Operators that handle a message at once (`map`, `filter`, `scan`)
 *   need none.
 * - **How does it end?** After the peer's EOF and the last message: complete. EOF in the midst of a frame, a frame over the
 *   limit, whatever else the codec throws: after all messages before it `messages$` errors with that, and the stream closes with
 *   that error, unless its `isFatal` returns false. An error of the stream comes after all messages before it. After our own
 *   `close()` nothing more comes, and it completes.
 * - **What if a message cannot be encoded?** `write` throws, with EFRAMELIMIT, EPROTOCOL or the error of the codec, and nothing of
 *   the message is written. That concerns its caller alone: the stream stays open, and the next message is encoded. An `encode()`
 *   that completes is such an error (EPROTOCOL). A message is written whole or not at all, whatever `outBufLimit` is.
 * - **What if the stream takes no more?** `write` returns false, and the stream reports EOUTBUFLIMIT or ECLOSED, as `io.write` does.
 *
 * Over a `persistent` stream it works across connections: the end of one, by an error or not, ends no reader. `messages$` and
 * `consume` go on with the next connection, after all messages of the last one. Half a frame of a lost connection is dropped, and
 * never joined with bytes of the next. They complete when the persistent stream is closed, and error with the error that ended it.
 * An error of the codec closes the connection, and the next one follows. `write` queues as `persistent` does. Each connection has
 * a decoder and an encoder of its own; a message that is kept for the next connection keeps its bytes, so a codec whose encoder
 * has a state from message to message needs `unsent: 'drop'`. Messages of up to 16 lost connections are kept for a reader that
 * does not take them; before more, the oldest are dropped, and the reader (the next one, if there is none) errors with EINBUFLIMIT.
 *
 * The encoder's state is born with the first `write`, the decoder's with the first reader; both are freed when the stream closes,
 * the decoder's only if no bytes remain for a later reader. One `framed` for a stream. Lossless.
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
 * @param io any stream, open or still opening, or a persistent one.
 * @param codec of the bytes to read, and of the messages to write.
 * @throws TypeError for anything else.
 */
export function framed<T, W = T>(io: IOStream, codec: Codec<T, W>): Framed<T, W>;
export function framed<T, W = T>(io: Persistent, codec: Codec<T, W>): Framed<T, W, Persistent>;
export function framed<T, W = T>(io: IOStream | Persistent, codec: Codec<T, W>): Framed<T, W, IOStream | Persistent>;
export function framed<T, W = T>(io: IOStream | Persistent, codec: Codec<T, W>): Framed<T, W, IOStream | Persistent> {
  const [connections, output] = below(io);
  checkCodec(codec);
  const messages = new Messages(connections, codec);
  const writer = new MessageWriter(output, codec);
  return {
    io,
    messages$: messages.all$,
    write: (message) => writer.write(message),
    consume: (handle, options) => messages.consume(handle, options),
  };
}

function below(io: unknown): readonly [PersistentConnections, PersistentOutput] | readonly [OneConnection, StreamOutput] {
  if (io instanceof ReconnectingStream) return [new PersistentConnections(io), new PersistentOutput(io)];
  if (io instanceof IOStream) return [new OneConnection(io), new StreamOutput(coreOf(io))];
  const got = mistakenStream(io, 'framed(io, codec)') ?? `got ${inWords(io)}`;
  throw new TypeError(`expected framed() to get a stream of this library, ${got}`);
}
