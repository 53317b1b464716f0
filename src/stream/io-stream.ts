import type { Observable, ObservableInput } from 'rxjs';
import { EOUTBUFLIMIT, type IOStreamError } from '../errors.ts';
import type { EventMask } from '../events.ts';
import type { Fh } from '../wire/fh.ts';
import type { Plugin, Timeouts } from '../wire/signal.ts';
import { toBytes, type Writable } from './bytes.ts';
import { consume, iterate, type ConsumeOptions } from './consume.ts';
import { Core } from './core.ts';
import { NO_HANDLE } from './handle.ts';
import {
  checkOption,
  checkOptions,
  checkTarget,
  DEFAULTS,
  isOwnField,
  usage,
  type Callback,
  type CallbackTarget,
  type Changing,
  type IOStreamOptions,
  type StreamEvent,
} from './options.ts';
import { Output } from './output.ts';
import type { ClosedReport, StreamState } from './report.ts';
import { send, type SendSource } from './send.ts';
import type { AnyDetails, AnyOwnFields, OpeningStreamOf, OptionsOf } from './stream-of.ts';
import { SYMBOL_OBSERVABLE } from './symbol-observable.ts';

/** The life of a stream, for the functions of this library; the index does not export it. */
export let coreOf: (io: IOStream) => Core;

const NO_PLUGINS: Readonly<Record<string, Plugin>> = Object.freeze({});

/** The class behind {@link IOStream}. */
class Stream<Details = AnyDetails> {
  static {
    coreOf = (io) => io.#core;
    // `from(io)` is `data$`: a subscriber that leaves takes no further chunk, which `from` of an async iterable would.
    Object.defineProperty(this.prototype, SYMBOL_OBSERVABLE, {
      value(this: Stream) {
        return this.data$;
      },
      configurable: true,
      writable: true,
    });
  }

  /** The address: the first candidate at RESOLVED, the winner's from just before CONNECTED on. */
  ip: string | undefined;
  /** Whether the peer has ended its direction. */
  isEof = false;
  /** Bytes read so far. Yours to reset. */
  inBytes = 0;
  /** Bytes of `outBuf` given down so far. Yours to reset. */
  outBytes = 0;
  /** The plugins by name. */
  readonly plugin: Readonly<Record<string, Plugin>>;
  readonly #core: Core;
  #output: Output | undefined;

  constructor(options: IOStreamOptions) {
    const given: Changing<IOStreamOptions> = checkOptions(options);
    this.plugin = (given.plugin as Stream['plugin'] | undefined) ?? NO_PLUGINS;
    for (const [key, value] of Object.entries(given)) if (isOwnField(key)) (this as Record<string, unknown>)[key] = value;
    const core = (this.#core = new Core(this as unknown as IOStream, given));
    core.writes.queue.position = given.outPos;
    if (given.outBuf !== undefined) core.writes.queue.content = toBytes(given.outBuf, '`outBuf`');
    // The options live as long as the stream, the bytes until they have left, and the timeouts were copied.
    if (given.outBuf !== undefined) given.outBuf = undefined;
    if (given.timeouts !== undefined) given.timeouts = undefined;
    core.start();
  }

  // What happens, as Observables

  /** Every wanted event as a value, never an empty mask. Completes on close, never errors. */
  get events$(): Observable<StreamEvent<this>> {
    return this.#core.notifier.events$ as Observable<StreamEvent<never>>;
  }

  /**
   * Emits the bytes in order, nothing lost: what is in `inBuf` first, then each read. All subscribers of one tick see the same;
   * late ones get what remains, then the end. `from(io)` is the same.
   *
   * **Errors**: a fatal error or an abort, after all bytes read before it.
   * **Closing**: completes after EOF or our own `close()`. When the owner of the stream has unsubscribed (`connect`, a server) it ends
   * without a notification.
   * **Backpressure**: none; see {@link Stream.consume}.
   */
  get data$(): Observable<Buffer> {
    return this.#core.reads.data$;
  }

  /** Every `IOStreamError` as a value. Completes on close, never errors. */
  get errors$(): Observable<IOStreamError> {
    return this.#core.notifier.errors$;
  }

  /**
   * Emits one report when the handle is free, and completes: how the stream ended, and how many bytes passed. Replayed to late
   * subscribers. Handles the error of the stream. While it is subscribed, a close keeps the process alive, up to `timeouts.close`.
   */
  get closed$(): Observable<ClosedReport> {
    return this.#core.awaitedClose$;
  }

  /** Emits once, and completes, when the peer has ended its direction (FIN); to late subscribers too. Completes without a value on close. */
  get eof$(): Observable<void> {
    return this.#core.eof$;
  }

  /** The way to write as a Subject, with `pending` and `blocked$`. */
  get output(): Output {
    return (this.#output ??= this.#makeOutput());
  }

  // Fields

  /** The fh given, or the socket once there is one. */
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
    checkOption('cb', cb);
    checkTarget(cb, this.#core.method);
    this.#core.cb = cb;
  }

  get method(): string {
    return this.#core.method;
  }

  set method(method: string) {
    checkOption('method', method);
    this.#core.method = method;
  }

  /** The wanted events; asked at each event. Assigning lets reading go on after EINBUFLIMIT. */
  get waitFor(): EventMask | undefined {
    return this.#core.waitFor;
  }

  set waitFor(mask: EventMask | undefined) {
    checkOption('waitFor', mask);
    this.#core.waitFor = mask;
    this.#core.reads.unstall();
  }

  get inBufLimit(): number | undefined {
    return this.#core.inBufLimit;
  }

  set inBufLimit(limit: number | undefined) {
    checkOption('inBufLimit', limit);
    this.#core.inBufLimit = limit;
    this.#core.reads.unstall();
  }

  /** Bytes read and not taken: a view, not to be changed in place. Assign to change it; `read` to take from it. */
  get inBuf(): Buffer {
    return this.#core.reads.buffer;
  }

  set inBuf(bytes: Writable) {
    this.#core.reads.assign(toBytes(bytes, '`inBuf`'));
  }

  /** Bytes that wait to be given down. After a change call `write()`. */
  get outBuf(): Buffer {
    return this.#core.writes.queue.content;
  }

  set outBuf(bytes: Writable) {
    this.#core.writes.queue.content = toBytes(bytes, '`outBuf`');
    this.#core.writes.replaced();
  }

  /** With a number: bytes go down from this position of `outBuf`, which stays as it is, and the position moves. */
  get outPos(): number | undefined {
    return this.#core.writes.queue.position;
  }

  set outPos(position: number | undefined) {
    checkOption('outPos', position);
    this.#core.writes.queue.position = position;
    this.#core.writes.replaced();
  }

  /** A write is refused while so many bytes wait; 0 = no limit. Counts from the next write on. */
  get outBufLimit(): number {
    return this.#core.writes.outBufLimit;
  }

  set outBufLimit(limit: number | undefined) {
    checkOption('outBufLimit', limit);
    this.#core.writes.outBufLimit = limit ?? DEFAULTS.outBufLimit;
  }

  /** All timeouts in milliseconds. What is assigned is laid over those there are, and takes effect at once. */
  get timeouts(): Timeouts {
    return this.#core.timeouts;
  }

  set timeouts(wanted: Partial<Timeouts>) {
    checkOption('timeouts', wanted);
    this.#core.timeouts = wanted;
  }

  get state(): StreamState {
    return this.#core.state;
  }

  /** What each plugin learned in its handshake, by name. Empty before CONNECTED. */
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

  // What can be done; all of it acts now, but for `consume` and `send`

  /**
   * Queues bytes, or tells that `outBuf` was changed. They leave at the end of the tick, with the other writes of the tick;
   * nothing but `output.blocked$` is called back before `write` returns. Do not change the bytes afterwards.
   *
   * @returns false when the caller should wait for SENT or `output.blocked$`, or when the stream is closed and nothing was
   *   taken. After `end()` the error is ECLOSED, over `outBufLimit` EOUTBUFLIMIT; both are told later.
   * @throws TypeError for anything that is neither a string nor a view of bytes.
   */
  write(data?: Writable): boolean {
    const bytes = data === undefined ? undefined : toBytes(data, 'the data of write()');
    const core = this.#core;
    if (!core.tells) return false;
    const error = bytes ? core.writes.accept(bytes) : undefined;
    if (error) core.refuse(error);
    else if (!bytes) core.writes.grown();
    return !error && !core.writes.blocked;
  }

  /** Writes, then ends our direction when all has been given down (FIN); reading goes on. A second time: ECLOSED. */
  end(data?: Writable): void {
    const core = this.#core;
    if (data !== undefined) this.write(data);
    if (!core.isOpen) return;
    if (!core.writes.ended) core.writes.end();
    else if (data === undefined) this.write('');
  }

  /**
   * Closes: nothing more is told to the user; what was queued leaves, then the plugins' farewell and FIN. What still comes is
   * thrown away until the peer's FIN or `timeouts.close`; then the handle is freed and `closed$` tells. Before the connection
   * is there it is given up at once. Does not keep the process alive for the peer.
   */
  close(): void {
    this.#core.close();
  }

  /** Resets the connection at once (RST); what has not left is lost, and `closed$` tells how much that was. */
  reset(): void {
    this.#core.reset();
  }

  /** Stops reading, as in Node; what is in flight still comes, into `inBuf`. After the close it does nothing. */
  pause(): void {
    if (this.#core.isOpen) this.#core.reads.pause();
  }

  resume(): void {
    this.#core.reads.resume();
  }

  /** Lets the stream keep the process alive again. */
  ref(): void {
    this.#core.setRef(true);
  }

  /** Does not let the stream keep the process alive. */
  unref(): void {
    this.#core.setRef(false);
  }

  /** Removes and returns bytes of `inBuf`: `count` of them, or all there are if they are fewer or no count is given. */
  read(count?: number): Buffer {
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0))
      throw usage('`read(count)` to get a number of bytes', String(count));
    return this.#core.reads.take(count);
  }

  /**
   * Handles chunk after chunk: the next one when the Observable of the last has completed, and meanwhile no more than
   * `highWaterMark` bytes are read ahead. With `concurrency` so many are handled at the same time, begun in order. Cold; one at
   * a time on a stream. Emits what the inner Observables emit, as it comes; completes after EOF or our `close()`, when all of
   * them have; errors with the stream, after all of them, or with an inner one (the stream goes on). Unsubscribing stops
   * taking, not the stream. Lossless.
   *
   * @throws TypeError when `concurrency` is no whole number from 1 on.
   */
  consume<T>(handle: (chunk: Buffer) => ObservableInput<T>, options?: ConsumeOptions): Observable<T> {
    return consume(this.#core.reads, handle, options);
  }

  /**
   * Sends a source: an iterable, async iterable, `Readable` or Web stream is pulled one chunk at a time, while less than
   * `highWaterMark` is pending; an Observable pushes, and is subscribed at once. Cold. Emits how many bytes of the source have been
   * sent so far (0 for an empty one), completes when all have. Sends queue behind each other; plain writes go between chunks.
   *
   * **Errors**: with the error of the source, or of the stream; ECLOSED when the stream closes.
   * **Closing**: the source is released. When the source failed, or the send was unsubscribed midway, and the owner of the
   * stream then unsubscribes (`connect`, a server), the connection is reset: a part must not look like the whole.
   * **Backpressure**: pulls no faster than the peer reads. **Memory**: what an Observable emits is bounded by `outBufLimit` (then
   * EOUTBUFLIMIT). Lossless.
   */
  send(source: SendSource): Observable<number> {
    return send(this.#core, source);
  }

  /**
   * Pulls chunk after chunk with backpressure; ends like `data$`. Claims the stream from the first `next()` on, and releases it when
   * the loop is left, which does not close the stream.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return iterate(this.#core.reads);
  }

  /** `close()`, and waits for `closed$`. */
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
      put: (data) => {
        const bytes = toBytes(data, 'what output takes');
        const error = core.isOpen ? core.writes.accept(bytes) : undefined;
        if (error) core.refuse(error, { fatal: error.code === EOUTBUFLIMIT });
        return !error;
      },
      end: () => this.end(),
      reset: (cause) => core.reset(cause),
    });
    core.closing$.subscribe({ complete: () => output.stop() });
    return output;
  }
}

/** A connection, with the user's own fields, and what is known of the `details` that its plugins report. */
export type IOStream<Own extends object = object, Details = AnyDetails> = Stream<Details> & Own;

/**
 * A connection as a set of Observables, with the fields, methods and events of the manual.
 *
 * It starts at once and delivers nothing before its caller's tick is over. With `waitFor` it keeps to the manual (manual mode):
 * events not in the mask are not told, errors that are not fatal leave it open, you close it. Without (reactive mode) all is
 * told, bytes are read ahead to `highWaterMark` and stop there until somebody takes them, and every error closes it.
 *
 * ```text
 *   new ──▶ opening ── RESOLVED ── CONNECTED ──▶ open ── IN, OUT, SENT, EOF ── close() ──▶ closing ── closed$ ──▶ closed
 * ```
 *
 * - **When does it connect?** In `new`. For a connection per subscription see `connect`.
 * - **Who shares it?** All subscribers: its Observables are hot.
 * - **What if you write before it is open?** The bytes wait, in order, and leave when the last plugin is through.
 * - **What closes it?** `close()`, `reset()`, a fatal error, or the end of both directions.
 *
 * @throws TypeError for wrong options, synchronously. Every other failure is delivered: to `cb`, to subscribers of `errors$`,
 *   `data$`, `closed$` and the other ways to read and send; an error that reaches no handler goes to RxJS's `config.onUnhandledError`.
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
  // By way of a mapped type the own fields are known inside an inline `cb`, too; it cannot take a union of options.
  new <O extends object>(options: OptionsOf<Readonly<O>, IOStreamOptions<OpeningStreamOf<O>>>): OpeningStreamOf<O>;
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- a union of the two infers nothing
  new <O extends object>(options: OptionsOf<O, IOStreamOptions<OpeningStreamOf<O>>>): OpeningStreamOf<O>;
  // What a class extends, and what tells which option is misspelt.
  new (options: IOStreamOptions | (IOStreamOptions & AnyOwnFields)): Stream;
  readonly prototype: Stream;
} = Stream;
