import type { Observable, ObservableInput } from 'rxjs';
import { EOUTBUFLIMIT, type IOStreamError } from '../errors.ts';
import type { EventMask } from '../events.ts';
import type { Mutable } from '../util/mutable.ts';
import type { Fh } from '../wire/fh/fh.ts';
import type { Plugin, Timeouts } from '../wire/signal.ts';
import { toBytes, type Writable } from './bytes.ts';
import { checkCallback } from './check-callback.ts';
import { checkStreamOption, checkStreamOptions } from './check-stream-options.ts';
import { Connection } from './connection.ts';
import { consume, type ConsumeOptions } from './consume.ts';
import { NO_HANDLE } from './handle.ts';
import { iterate } from './iterate.ts';
import { DEFAULTS, type Callback, type CallbackTarget, type IOStreamOptions, type StreamEvent } from './options.ts';
import { Output } from './output.ts';
import { isOwnField } from './own-fields.ts';
import type { ClosedReport, StreamState } from './report.ts';
import { send, type SendSource } from './send.ts';
import type { AnyDetails, AnyOwnFields, OpeningStreamOf, OptionsOf } from './stream-of.ts';
import { SYMBOL_OBSERVABLE } from './symbol-observable.ts';
import { usage } from './usage.ts';

/** Returns the core of a stream, for the functions of this library; not exported by the index. */
export let internalsOf: (io: IOStream) => Connection;

const NO_PLUGINS: Readonly<Record<string, Plugin>> = Object.freeze({});

/** The class behind {@link IOStream}. */
class Stream<Details = AnyDetails> {
  static {
    internalsOf = (io) => io.#core;
    // `from(io)` is `data$`. With the async iterable, `from` would pull one more chunk after the subscriber has unsubscribed.
    Object.defineProperty(this.prototype, SYMBOL_OBSERVABLE, {
      value(this: Stream) {
        return this.data$;
      },
      configurable: true,
      writable: true,
    });
  }

  /** The peer's address: the first candidate at RESOLVED, the connected one from just before CONNECTED on. */
  ip: string | undefined;
  /** Whether the peer has ended its direction. */
  isEof = false;
  /** Bytes read so far. You may reset it. */
  inBytes = 0;
  /** Bytes written to the wire so far. You may reset it. */
  outBytes = 0;
  /** The plugins by name. */
  readonly plugin: Readonly<Record<string, Plugin>>;
  readonly #core: Connection;
  #output: Output | undefined;

  constructor(options: IOStreamOptions) {
    const given: Mutable<IOStreamOptions> = checkStreamOptions(options);
    this.plugin = (given.plugin as Stream['plugin'] | undefined) ?? NO_PLUGINS;
    for (const [key, value] of Object.entries(given)) if (isOwnField(key)) (this as Record<string, unknown>)[key] = value;
    const core = (this.#core = new Connection(this as unknown as IOStream, given));
    core.writes.queue.position = given.outPos;
    if (given.outBuf !== undefined) core.writes.queue.content = toBytes(given.outBuf, '`outBuf`');
    // The options live as long as the stream: do not retain `outBuf` after it is sent, nor `timeouts`, which are copied.
    if (given.outBuf !== undefined) given.outBuf = undefined;
    if (given.timeouts !== undefined) given.timeouts = undefined;
    core.start();
  }

  // Observables

  /** Emits every wanted event, never an empty mask. Completes on close, never errors. */
  get events$(): Observable<StreamEvent<this>> {
    return this.#core.notifier.events$ as Observable<StreamEvent<never>>;
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
   * @see {@link Stream.consume} for backpressure.
   */
  get data$(): Observable<Buffer> {
    return this.#core.reads.data$;
  }

  /** Emits every `IOStreamError` as a value. Completes on close, never errors. */
  get errors$(): Observable<IOStreamError> {
    return this.#core.notifier.errors$;
  }

  /**
   * Emits one report when the handle is freed, then completes: how the stream ended, and how many bytes were read and sent.
   *
   * Replayed to late subscribers. A subscriber handles the error of the stream. While subscribed, a close keeps the process alive,
   * for at most `timeouts.close`.
   */
  get closed$(): Observable<ClosedReport> {
    return this.#core.awaitedClose$;
  }

  /**
   * Emits once and completes when the peer has ended its direction (FIN); replayed to late subscribers. Completes without a value
   * on close.
   */
  get eof$(): Observable<void> {
    return this.#core.eof$;
  }

  /** A Subject that writes to the stream, with `pending` and `blocked$`. */
  get output(): Output {
    return (this.#output ??= this.#makeOutput());
  }

  // Fields

  /** The `fh` option, or the socket once it exists. */
  get fh(): Fh | undefined {
    const { options, handle } = this.#core;
    return options.fh ?? (handle === NO_HANDLE ? undefined : (handle as Fh));
  }

  get host(): string | undefined {
    return this.#core.options.host;
  }

  get port(): number | undefined {
    return this.#core.options.port;
  }

  get path(): string | undefined {
    return this.#core.options.path;
  }

  get cb(): Callback | CallbackTarget | undefined {
    return this.#core.cb;
  }

  set cb(cb: Callback | CallbackTarget | undefined) {
    checkStreamOption('cb', cb);
    checkCallback(cb, this.#core.method);
    this.#core.cb = cb;
  }

  get method(): string {
    return this.#core.method;
  }

  set method(method: string) {
    checkStreamOption('method', method);
    this.#core.method = method;
  }

  /** The mask of wanted events; read at each event. Assigning it resumes reading after EINBUFLIMIT. */
  get waitFor(): EventMask | undefined {
    return this.#core.waitFor;
  }

  set waitFor(mask: EventMask | undefined) {
    checkStreamOption('waitFor', mask);
    this.#core.waitFor = mask;
    this.#core.reads.clearLimit();
  }

  get inBufLimit(): number | undefined {
    return this.#core.inBufLimit;
  }

  set inBufLimit(limit: number | undefined) {
    checkStreamOption('inBufLimit', limit);
    this.#core.inBufLimit = limit;
    this.#core.reads.clearLimit();
  }

  /** Unread bytes, as a view: do not change it in place. Assign to replace them; call `read` to remove bytes. */
  get inBuf(): Buffer {
    return this.#core.reads.buffer;
  }

  set inBuf(bytes: Writable) {
    this.#core.reads.assign(toBytes(bytes, '`inBuf`'));
  }

  /** Queued bytes. After a change call `write()`. */
  get outBuf(): Buffer {
    return this.#core.writes.queue.content;
  }

  set outBuf(bytes: Writable) {
    this.#core.writes.queue.content = toBytes(bytes, '`outBuf`');
    this.#core.writes.replaced();
  }

  /**
   * With a number, bytes are written from this position of `outBuf`: the position advances and `outBuf` stays unchanged. With
   * `undefined`, written bytes are removed from `outBuf`.
   */
  get outPos(): number | undefined {
    return this.#core.writes.queue.position;
  }

  set outPos(position: number | undefined) {
    checkStreamOption('outPos', position);
    this.#core.writes.queue.position = position;
    this.#core.writes.replaced();
  }

  /** Writes are rejected while at least this many bytes are pending; 0 = no limit. A change applies from the next write on. */
  get outBufLimit(): number {
    return this.#core.writes.outBufLimit;
  }

  set outBufLimit(limit: number | undefined) {
    checkStreamOption('outBufLimit', limit);
    this.#core.writes.outBufLimit = limit ?? DEFAULTS.outBufLimit;
  }

  /** All timeouts in milliseconds. Assigned values are merged into the current ones and take effect at once. */
  get timeouts(): Timeouts {
    return this.#core.timeouts;
  }

  set timeouts(wanted: Partial<Timeouts>) {
    checkStreamOption('timeouts', wanted);
    this.#core.timeouts = wanted;
  }

  get state(): StreamState {
    return this.#core.state;
  }

  /** What each plugin reports of its handshake, by name. Empty before CONNECTED. */
  get details(): Details {
    return this.#core.details as Details;
  }

  get remoteAddress(): string | undefined {
    return this.#core.handle.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#core.handle.remotePort;
  }

  get localAddress(): string | undefined {
    return this.#core.handle.localAddress;
  }

  get localPort(): number | undefined {
    return this.#core.handle.localPort;
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
    const core = this.#core;
    if (!core.isActive) return false;
    const error = bytes ? core.writes.accept(bytes) : undefined;
    if (error) core.reportLater(error);
    else if (!bytes) core.writes.grown();
    return !error && !core.writes.blocked;
  }

  /** Writes `data`, then ends our direction (FIN) after all queued bytes are written; reading continues. A second call: ECLOSED. */
  end(data?: Writable): void {
    const core = this.#core;
    if (data !== undefined) this.write(data);
    if (!core.isOpen) return;
    if (!core.writes.ended) core.writes.end();
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
    this.#core.close();
  }

  /** Resets the connection at once (RST). Unsent bytes are lost; `closed$` reports how many. */
  reset(): void {
    this.#core.reset();
  }

  /** Pauses reading, as in Node. Bytes in flight still arrive, in `inBuf`. Does nothing after `close()`. */
  pause(): void {
    if (this.#core.isOpen) this.#core.reads.pause();
  }

  resume(): void {
    this.#core.reads.resume();
  }

  /** Makes the stream keep the process alive again. */
  ref(): void {
    this.#core.setRef(true);
  }

  /** Stops the stream from keeping the process alive. */
  unref(): void {
    this.#core.setRef(false);
  }

  /** Removes and returns the first `count` bytes of `inBuf`; all of them if there are fewer, or without `count`. */
  read(count?: number): Buffer {
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0))
      throw usage('`read(count)` to get a number of bytes', String(count));
    return this.#core.reads.take(count);
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
  consume<T>(handle: (chunk: Buffer) => ObservableInput<T>, options?: ConsumeOptions): Observable<T> {
    return consume(this.#core.reads, handle, options);
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
    return send(this.#core, source);
  }

  /**
   * Pulls one chunk after another with backpressure; ends like `data$`.
   *
   * Claims the stream at the first `next()`. Leaving the loop releases the stream and does not close it.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return iterate(this.#core.reads);
  }

  /** Calls `close()` and resolves when `closed$` has emitted. */
  [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.closed$.subscribe(() => resolve()));
    this.close();
    return closed;
  }

  #makeOutput(): Output {
    const core = this.#core;
    const output = new Output({
      get pending() {
        return core.writes.pending;
      },
      blocked$: core.writes.blocked$,
      write: (data) => {
        const bytes = toBytes(data, 'what output takes');
        const error = core.isOpen ? core.writes.accept(bytes) : undefined;
        if (error) core.reportLater(error, { fatal: error.code === EOUTBUFLIMIT });
        return !error;
      },
      end: () => this.end(),
      reset: (cause) => core.reset(cause),
    });
    core.closing$.subscribe({ complete: () => output.stop() });
    return output;
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
