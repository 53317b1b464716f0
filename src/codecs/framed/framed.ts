import type { Observable, ObservableInput } from 'rxjs';
import type { Codec } from '../codec.ts';
import type { Persistent } from '../../reconnect/persistent-types.ts';
import { ReconnectingStream } from '../../reconnect/reconnecting-stream.ts';
import type { ConsumeOptions } from '../../stream/consume.ts';
import { IOStream } from '../../stream/io-stream.ts';
import { internalsOf } from '../../stream/stream-fields.ts';
import { describeValue } from '../../util/describe.ts';
import { checkCodec } from './check-codec.ts';
import { describeMistakenStream } from './describe-mistaken-stream.ts';
import { MessageWriter } from './message-writer.ts';
import { Messages } from './messages.ts';
import { PersistentConnections } from './persistent-connections.ts';
import { PersistentOutput } from './persistent-output.ts';
import { SingleConnection } from './single-connection.ts';
import { StreamOutput } from './stream-output.ts';

/** A stream of messages over a stream of bytes. See {@link framed}. */
export interface Framed<T, W = T, S = IOStream> {
  /** The stream of bytes below. */
  readonly io: S;
  /**
   * The messages in order. Multicast: the first messages are emitted one tick after the first subscription. Unread messages stay
   * buffered: after `take(1)`, the next subscriber gets the next message. Completes or errors as `data$` does.
   */
  readonly messages$: Observable<T>;
  /**
   * Encodes and queues a message, as `io.write` does with bytes. The message is written as a whole or not at all, whatever
   * `outBufLimit` is.
   *
   * An encoding error concerns only the caller: the stream stays open, and the next message is encoded. If the stream accepts no
   * more, it reports EOUTBUFLIMIT or ECLOSED, as for `io.write`.
   *
   * @returns false if the caller should wait for SENT or `io.output.blocked$`, or if the message was not accepted.
   * @throws IOStreamError if the message cannot be encoded: EFRAMELIMIT, EPROTOCOL or the error of the codec. EPROTOCOL also if
   *   `encode()` completes.
   */
  readonly write: (message: W) => boolean;
  /**
   * Calls `handle` for each message, and merges the returned Observables. Calls it for the next message when the previous
   * Observable has completed. The stream is paused until then. With `concurrency`, up to that many Observables are active at the
   * same time, started in order.
   *
   * Cold. A second `consume` at the same time errors with a TypeError. Completes or errors as `messages$` does, when all inner
   * Observables have completed. Errors at once if one of them errors. The stream stays open then.
   *
   * @throws TypeError if `concurrency` is not an integer from 1.
   */
  readonly consume: <R>(handle: (message: T) => ObservableInput<R>, options?: ConsumeOptions) => Observable<R>;
}

/**
 * Connects a codec to a stream, which then carries messages instead of bytes in both directions.
 *
 * ```text
 *   messages$, consume ◀── decode() ◀── bytes ── io
 *   write ───────────────▶ encode() ─── bytes ─▶ io.write
 * ```
 *
 * Reading starts with the first subscriber of `messages$` or `consume`. Create only one `framed` for a stream. Over a persistent
 * stream, the messages continue across its connections (see the overload for `Persistent`).
 *
 * **Errors**
 * - `messages$` errors with any error of the codec, such as EOF inside a frame, and of the stream, after all messages before it.
 * - An error of the codec closes the stream, unless its `isFatal` returns false.
 * - For errors of encoding see {@link Framed.write}.
 *
 * **Closing**
 * - Completes after the peer's EOF and the last message. After our own `close()` it emits nothing more, and completes.
 *
 * **Backpressure**
 * - Lossless. `consume` pauses the stream, and so the peer.
 * - `messages$` does not: `concatMap`, `mergeMap` with a limit, `observeOn` and `delay` buffer messages in memory.
 *
 * **Memory**
 * - Buffers the codec's frame and the messages of one chunk.
 * - A partial frame stays here for the next subscriber: do not switch to reading `io` inside a frame.
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
 * @param codec decodes the bytes to read, and encodes the messages to write.
 * @returns the messages, and functions to write and consume them.
 * @throws TypeError for anything else.
 * @see docs/guides/messages.md for backpressure and the life of a decoder, {@link requests} for replies.
 */
export function framed<T, W = T>(io: IOStream, codec: Codec<T, W>): Framed<T, W>;
/**
 * Connects a codec to a persistent stream, across its connections. `messages$` and `consume` continue with the next connection,
 * after all messages of the previous one. `write` queues as `persistent` does.
 *
 * **Errors**
 * - The loss of a connection, with or without an error, ends no reader. An error of the codec closes the connection, and the next
 *   one follows.
 * - `messages$` and `consume` error with the error that ended the persistent stream.
 * - EINBUFLIMIT if the messages of more than 16 lost connections are unread: the oldest are dropped. The current reader gets the
 *   error, or the next one if there is none.
 *
 * **Closing**
 * - `messages$` and `consume` complete when the persistent stream is closed.
 *
 * **Memory**
 * - Each connection has its own decoder and encoder. A partial frame of a lost connection is dropped, and never joined with bytes
 *   of the next connection.
 * - A message that is kept for the next connection keeps its encoded bytes. Use `unsent: 'drop'` if the encoder has state across
 *   messages.
 *
 * @param io a persistent stream.
 * @param codec decodes the bytes to read, and encodes the messages to write.
 * @returns the messages, and functions to write and consume them.
 * @throws TypeError for anything else.
 */
export function framed<T, W = T>(io: Persistent, codec: Codec<T, W>): Framed<T, W, Persistent>;
export function framed<T, W = T>(io: IOStream | Persistent, codec: Codec<T, W>): Framed<T, W, IOStream | Persistent>;
export function framed<T, W = T>(io: IOStream | Persistent, codec: Codec<T, W>): Framed<T, W, IOStream | Persistent> {
  const [connections, output] = connectionsOf(io);
  checkCodec(codec);
  const messages = new Messages(connections, codec);
  const writer = new MessageWriter(output, codec);
  return {
    io,
    messages$: messages.messages$,
    write: (message) => writer.write(message),
    consume: (handle, options) => messages.consume(handle, options),
  };
}

function connectionsOf(io: unknown): readonly [PersistentConnections, PersistentOutput] | readonly [SingleConnection, StreamOutput] {
  if (io instanceof ReconnectingStream) return [new PersistentConnections(io), new PersistentOutput(io)];
  if (io instanceof IOStream) return [new SingleConnection(io), new StreamOutput(internalsOf(io))];
  const got = describeMistakenStream(io, 'framed(io, codec)') ?? `got ${describeValue(io)}`;
  throw new TypeError(`expected framed() to get a stream of this library, ${got}`);
}
