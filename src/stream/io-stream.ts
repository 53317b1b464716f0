import type { Observable, ObservableInput } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import { isCount } from '../util/value-tests.ts';
import { toBytes, type Bytes, type Writable } from './bytes.ts';
import { consume, type ConsumeOptions } from './consume.ts';
import { iterate } from './iterate.ts';
import type { CallbackOf, StreamEventOf, StreamOptions } from './options.ts';
import { Output } from './output.ts';
import type { ClosedReport } from './report.ts';
import type { SendSource } from './send-source.ts';
import { send } from './send.ts';
import { internalsOf, StreamFields } from './stream-fields.ts';
import type { AnyDetails, AnyOwnFields, DetailsOf, MaybeDetails, OptionsOf, OwnFields } from './stream-of.ts';
import { SYMBOL_OBSERVABLE } from './symbol-observable.ts';
import { usage } from './usage.ts';

/** An event as a value. */
export type StreamEvent<S = IOStream> = StreamEventOf<S>;

/** Called for every wanted event, and for every error (then `mask` is 0). */
export type Callback<S = IOStream> = CallbackOf<S>;

/**
 * The options of {@link IOStream}. Exactly one of `fh`, `host` with `port`, `path` and `wire` is required: the endpoint. All others
 * are optional. Names that start with a capital are the user's own fields.
 */
export type IOStreamOptions<S = IOStream> = StreamOptions<S>;

/** The type of a connected stream with these options. */
export type StreamOf<O> = IOStream<OwnFields<O>, DetailsOf<O>>;

/** The type of the stream before it is connected: its details may be missing. */
export type OpeningStreamOf<O> = IOStream<OwnFields<O>, MaybeDetails<DetailsOf<O>>>;

/** The class behind {@link IOStream}. */
class Stream<Details = AnyDetails> extends StreamFields<Details> {
  static {
    // `from(io)` is `data$`. With the async iterable, `from` would pull one more chunk after the subscriber has unsubscribed.
    Object.defineProperty(this.prototype, SYMBOL_OBSERVABLE, {
      value(this: Stream) {
        return this.data$;
      },
      configurable: true,
      writable: true,
    });
  }

  #output: Output | undefined;

  // For `class extends IOStream`: the options of the public type.
  // eslint-disable-next-line @typescript-eslint/no-useless-constructor
  constructor(options: IOStreamOptions) {
    super(options);
  }

  // Observables

  /** Emits every wanted event, never an empty mask. Completes on close, never errors. */
  get events$(): Observable<StreamEvent<this>> {
    return internalsOf(this).notifier.events$ as Observable<StreamEvent<never>>;
  }

  /**
   * Emits the received bytes in order and without loss: the content of `inBuf` first, then each read.
   *
   * Subscribers of the same tick receive the same chunks. Late subscribers receive the remaining bytes, then the end. `from(io)` is
   * equivalent.
   *
   * **Errors**
   * - Errors with a fatal error or an abort, after all bytes read before it.
   *
   * **Closing**
   * - Completes after EOF or our own `close()`.
   * - When the owner of the stream has unsubscribed (`connect`, a server), it ends without a notification.
   *
   * **Backpressure**
   * - None.
   *
   * @see `consume` for backpressure.
   */
  get data$(): Observable<Bytes> {
    return internalsOf(this).reads.data$;
  }

  /** Emits every `IOStreamError` as a value. Completes on close, never errors. */
  get errors$(): Observable<IOStreamError> {
    return internalsOf(this).notifier.errors$;
  }

  /**
   * Emits one report when the handle is freed, then completes: how the stream ended, and how many bytes were read and sent.
   *
   * Replayed to late subscribers. A subscriber handles the error of the stream. While subscribed, a close keeps the process alive,
   * for at most `timeouts.close`.
   */
  get closed$(): Observable<ClosedReport> {
    return internalsOf(this).awaitedClose$;
  }

  /**
   * Emits once and completes when the peer has ended its direction (FIN); replayed to late subscribers. Completes without a value
   * on close.
   */
  get eof$(): Observable<void> {
    return internalsOf(this).lifetime.eof$;
  }

  /** A Subject that writes to the stream, with `pending` and `blocked$`. */
  get output(): Output {
    return (this.#output ??= new Output(internalsOf(this), () => this.end()));
  }

  // Methods; all act at the call, except for `consume` and `send`, which are cold

  /**
   * Queues bytes; without `data`, flushes a changed `outBuf`.
   *
   * The bytes are flushed at the end of the tick at the latest, together with the other writes of the tick. Do not change them
   * afterwards. No callback runs before `write` returns, except for subscribers of `output.blocked$`.
   *
   * **Errors**
   * - ECLOSED after `end()`, and EOUTBUFLIMIT over `outBufLimit`. Both are reported after the caller's tick.
   *
   * **Backpressure**
   * - After `false`, wait for SENT or `output.blocked$`.
   *
   * @param data a string (sent as UTF-8) or a view of bytes, which is not copied.
   * @returns false if the caller should wait, or if the bytes were rejected or the stream is closed.
   * @throws TypeError if `data` is neither a string nor a view of bytes.
   */
  write(data?: Writable): boolean {
    const bytes = data === undefined ? undefined : toBytes(data, 'the data of write()');
    const connection = internalsOf(this);
    if (!connection.lifetime.isActive) return false;
    const error = bytes ? connection.writes.accept(bytes) : undefined;
    if (error) connection.reportLater(error);
    else if (!bytes) connection.writes.grown();
    return !error && !connection.writes.blocked;
  }

  /** Writes `data`, then ends our direction (FIN) after all queued bytes are written; reading continues. A second call: ECLOSED. */
  end(data?: Writable): void {
    const connection = internalsOf(this);
    if (data !== undefined) this.write(data);
    if (!connection.lifetime.isOpen) return;
    if (!connection.writes.ended) connection.writes.end();
    else if (data === undefined) this.write('');
  }

  /**
   * Closes the stream: no further events are reported, and readers complete at once.
   *
   * - Queued bytes are written, then the closing messages of the plugins and FIN.
   * - Inbound bytes are discarded until the peer's FIN or `timeouts.close`. Then the handle is freed and `closed$` emits.
   * - A stream that is not connected yet is freed at once.
   * - Waiting for the peer's FIN keeps the process alive only while `closed$` is subscribed.
   */
  close(): void {
    internalsOf(this).closing.close();
  }

  /** Resets the connection at once (RST). Unsent bytes are lost; `closed$` reports how many. */
  reset(): void {
    internalsOf(this).closing.reset();
  }

  /** Pauses reading, as in Node. Bytes in flight still arrive, in `inBuf`. Does nothing after `close()`. */
  pause(): void {
    if (internalsOf(this).lifetime.isOpen) internalsOf(this).reads.pause();
  }

  /** Resumes reading after `pause()`. */
  resume(): void {
    internalsOf(this).reads.resume();
  }

  /** Makes the stream keep the process alive again. */
  ref(): void {
    internalsOf(this).setRef(true);
  }

  /** Stops the stream from keeping the process alive. */
  unref(): void {
    internalsOf(this).setRef(false);
  }

  /** Removes and returns the first `count` bytes of `inBuf`; all of them if there are fewer, or without `count`. */
  read(count?: number): Bytes {
    if (count !== undefined && !isCount(count)) throw usage('`read(count)` to get a number of bytes', String(count));
    return internalsOf(this).reads.take(count);
  }

  /**
   * Handles one chunk after another: calls `handle` for the next chunk when the Observable of the previous one has completed.
   *
   * Cold. One `consume` or iteration at a time on a stream. Emits the values of the inner Observables as they arrive. Lossless.
   *
   * **Errors**
   * - Errors with the stream, after all inner Observables have completed.
   * - Errors with an inner Observable; the stream stays open.
   * - A second `consume` or iteration errors with a TypeError while the first is active.
   *
   * **Closing**
   * - Completes after EOF or our `close()`, when all inner Observables have completed.
   * - Unsubscribing stops reading and does not close the stream.
   *
   * **Backpressure**
   * - At most `highWaterMark` bytes are read ahead of the handler.
   *
   * @param handle returns the Observable of one chunk, or another `ObservableInput`.
   * @param options `concurrency`: how many chunks are handled at the same time, started in order. Default 1.
   * @throws TypeError if `concurrency` is not an integer of at least 1.
   */
  consume<T>(handle: (chunk: Bytes) => ObservableInput<T>, options?: ConsumeOptions): Observable<T> {
    return consume(internalsOf(this).reads, handle, options);
  }

  /**
   * Sends a source, and emits how many of its bytes have been sent so far (0 for an empty one). Completes when all are sent.
   *
   * Cold. An iterable, async iterable, `Readable` or Web stream is pulled one chunk at a time. An Observable pushes, and is
   * subscribed at once. Sends queue behind each other; plain writes go between chunks. Lossless.
   *
   * **Errors**
   * - Errors with the error of the source or of the stream; with ECLOSED when the stream closes.
   *
   * **Closing**
   * - Releases the source.
   * - Truncated data must not look complete. After a failed source or an unsubscribe midway, the connection is reset when the
   *   owner of the stream unsubscribes (`connect`, a server).
   *
   * **Backpressure**
   * - Pulls while fewer than `highWaterMark` bytes are pending, thus no faster than the peer reads.
   *
   * **Memory**
   * - Bytes of an Observable are bounded by `outBufLimit`; beyond it: EOUTBUFLIMIT.
   *
   * @param source chunks, each a string or a view of bytes.
   * @throws TypeError if `source` is of another type.
   */
  send(source: SendSource): Observable<number> {
    return send(internalsOf(this), source);
  }

  /**
   * Pulls one chunk after another with backpressure; ends like `data$`.
   *
   * Claims the stream at the first `next()`. Leaving the loop releases the stream and does not close it.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Bytes> {
    return iterate(internalsOf(this).reads);
  }

  /** Calls `close()` and resolves when `closed$` has emitted. */
  [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.closed$.subscribe(() => resolve()));
    this.close();
    return closed;
  }
}

/** A connection with the user's own fields, and with the type of the `details` that its plugins report. */
export type IOStream<Own extends object = object, Details = AnyDetails> = Stream<Details> & Own;

/**
 * Represents a connection as a set of Observables, with the fields, methods and events of the manual.
 *
 * Dials in `new`, and emits nothing before the end of the caller's tick. Its Observables are hot.
 *
 * - Manual mode (with `waitFor`): reports only the events in the mask. Stays open after an error that is not fatal; you close it.
 * - Reactive mode (without `waitFor`): reports all events. Every error except ECLOSED closes the stream.
 *
 * ```text
 *   new ──▶ opening ── RESOLVED ── CONNECTED ──▶ open ── IN, OUT, SENT, EOF ── close() ──▶ closing ── closed$ ──▶ closed
 * ```
 *
 * **Errors**
 * - Reported to `cb`, and to subscribers of `errors$`, `data$`, `closed$` and of the other methods that read and send.
 * - An unhandled error goes to RxJS's `config.onUnhandledError`; if that is not set, it becomes an uncaught exception.
 *
 * **Closing**
 * - Closes on `close()`, `reset()`, a fatal error, or when both directions have ended.
 *
 * **Backpressure**
 * - In reactive mode, reading pauses after `highWaterMark` unread bytes until a reader is attached.
 * - `write` returns false from `highWaterMark` pending bytes on.
 *
 * **Memory**
 * - Bytes written before the connection is open are queued, and written in order when the last handshake is complete.
 * - Writes over `outBufLimit` are rejected.
 *
 * @throws TypeError for wrong options, synchronously.
 * @see `connect` for a connection per subscription, `open` for a Promise.
 *
 * ```ts
 * import { IOStream, EOF, SENT } from 'rxjs-io-stream';
 *
 * new IOStream({
 *   host: '127.0.0.1',
 *   port: 80,
 *   waitFor: SENT | EOF,
 *   inBufLimit: 102_400,
 *   outBuf: 'GET / HTTP/1.0\r\n\r\n',
 *   cb: (io, mask, error) => {
 *     if (error) console.error(error.message);
 *     else if (mask & EOF) console.log(io.inBuf.toString());
 *     if (error || mask & EOF) io.close();
 *   },
 * });
 * ```
 */
export const IOStream: {
  // The mapped type makes the own fields known inside an inline `cb`, too; it does not accept a union of options.
  new <O extends object>(options: OptionsOf<Readonly<O>, IOStreamOptions<OpeningStreamOf<O>>>): OpeningStreamOf<O>;
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- a union of the two infers nothing
  new <O extends object>(options: OptionsOf<O, IOStreamOptions<OpeningStreamOf<O>>>): OpeningStreamOf<O>;
  // For `class extends IOStream`, and for error messages that name a misspelt option.
  new (options: IOStreamOptions | (IOStreamOptions & AnyOwnFields)): Stream;
  readonly prototype: Stream;
} = Stream;
