import { isIP } from 'node:net';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { RESOLVED } from '../events.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { readDialArguments } from './dial-target.ts';
import { DuplexReader } from './duplex-reader.ts';
import { DuplexTimeout } from './duplex-timeout.ts';
import { DuplexWriter, type Done } from './duplex-writer.ts';
import type { LateDial } from './late-dial.ts';
import { nextTick } from './next-tick.ts';
import { nodeError } from './node-error.ts';
import type { SocketDuplex } from './socket-duplex.ts';
import { SocketFacts } from './socket-facts.ts';
import { socketOptions } from './socket-options.ts';
import { SocketTunings, type TunableHandle, type Tuning } from './socket-tunings.ts';
import { systemError } from './system-error.ts';

/** See `toDuplex`; with a {@link LateDial} see `socket` of a `Dialer`. */
export class IOStreamDuplex extends SocketFacts implements SocketDuplex {
  /** Dials when `connect` is called. Undefined if the stream has been dialled before. */
  readonly #late: LateDial | undefined;
  readonly #reader: DuplexReader | undefined;
  readonly #writer: DuplexWriter;
  #timeout: DuplexTimeout | undefined;
  #tunings: SocketTunings | undefined;
  /** 'connect' was emitted, possibly before the TLS handshake. */
  #isConnected = false;
  #connectCalled = false;
  #closeEmitted = false;
  #hadError = false;

  constructor(io: IOStream, late?: LateDial) {
    const connection = internalsOf(io);
    const { allowHalfOpen = io.waitFor !== undefined, highWaterMark } = connection.settings;
    super(io, { allowHalfOpen, readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark });
    this.#late = late;
    // The Duplex ends itself after 'end', when the library has read all bytes. The stream would end earlier.
    connection.settings.allowHalfOpen = true;
    this.#writer = new DuplexWriter(io, this, () => this.#timeout?.touch());
    if (io.state === 'opening') this.#awaitConnection();
    this.#reader = new DuplexReader(connection.reads, {
      next: (chunk) => {
        this.#timeout?.touch();
        return this.push(chunk);
      },
      error: (error) => this.#fail(error),
      complete: () => {
        this.push(null);
        // As in Node's sockets: without remaining bytes, 'end' is emitted even if nothing reads.
        this.read(0);
      },
    });
    // The owner has unsubscribed: readers get no end, but the socket is closed.
    connection.lifetime.closing$.subscribe(({ unsubscribed }) => {
      if (unsubscribed) this.destroy();
    });
    io.closed$.subscribe(({ error }) => {
      if (error === undefined) this.end();
      else if (this.#reader?.isDone) this.#fail(error); // Otherwise bytes remain to be read before the error.
    });
  }

  // Readable and Writable

  override _read(): void {
    this.#reader?.read();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#writer.write([chunk], done);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: Done): void {
    this.#writer.write(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: Done): void {
    this.#writer.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#timeout?.stop();
    this.#reader?.stop();
    this.#hadError = error !== null;
    this.#writer.destroy(error, done);
  }

  /** Adds the argument `hadError` to 'close'. Sockets pass it, Node's streams do not. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'close') return super.emit(event, ...args);
    this.#closeEmitted = true;
    return super.emit(event, this.#hadError);
  }

  // The socket that libraries expect

  get connecting(): boolean {
    return this.isDialling && !this.#isConnected;
  }

  override get pending(): boolean {
    return this.connecting || this.destroyed || this.#late?.isStarted === false;
  }

  get timeout(): number | undefined {
    return this.#timeout?.ms;
  }

  connect(...args: unknown[]): this {
    if (this.#closeEmitted) {
      const message = 'the connection of this Duplex is closed and cannot be opened again; make a new stream and a Duplex of it';
      throw new IOStreamError(ECLOSED, { phase: 'connect', message });
    }
    if (this.#late?.isStarted === false && !this.destroyed) return this.#dialLate(this.#late, args);
    const callback = args.at(-1);
    if (typeof callback === 'function') this.once('connect', callback as () => void);
    const isSecond = this.#connectCalled;
    this.#connectCalled = true;
    if (this.destroyed || this.connecting) return this;
    if (isSecond) return this.destroy(systemError('EISCONN', 'connect'));
    nextTick(() => this.emitConnect());
    return this;
  }

  setTimeout(ms: number, callback?: () => void): this {
    if (typeof ms !== 'number' || !(ms >= 0)) throw new TypeError(`expected milliseconds for setTimeout, 0 or more, got ${String(ms)}`);
    if (this.destroyed) return this;
    // As in Node, 0 removes the callback.
    if (callback && ms > 0) this.once('timeout', callback);
    else if (callback) this.off('timeout', callback);
    this.#timeout ??= new DuplexTimeout(internalsOf(this.io).settings.scheduler, () => this.emit('timeout'));
    this.#timeout.set(ms);
    return this;
  }

  setNoDelay(noDelay = true): this {
    return this.#tune('noDelay', (handle) => handle.setNoDelay?.(noDelay));
  }

  setKeepAlive(enable = false, initialDelay = 0): this {
    return this.#tune('keepAlive', (handle) => handle.setKeepAlive?.(enable, initialDelay));
  }

  ref(): this {
    this.io.ref();
    return this;
  }

  unref(): this {
    this.io.unref();
    return this;
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy()).end();
  }

  resetAndDestroy(): this {
    this.io.reset();
    return this.destroy();
  }

  /** Whether the stack is being dialled. */
  protected get isDialling(): boolean {
    return !this.destroyed && this.io.state === 'opening' && this.#late?.isStarted !== false;
  }

  /** Emits 'connect' and 'ready', as a socket does. */
  protected emitConnect(): void {
    if (this.destroyed) return;
    this.#isConnected = true;
    this.#timeout?.touch();
    this.emit('connect');
    this.emit('ready');
    if (this.io.state === 'open') this.emitOpen();
  }

  /** Called when all plugins are connected. */
  protected emitOpen(): void {
    // Overridden for TLS.
  }

  #dialLate(late: LateDial, args: readonly unknown[]): this {
    const { request, callback } = readDialArguments(args);
    const applyTo = socketOptions(request);
    late.start(request);
    this.#connectCalled = true;
    if (callback) this.once('connect', callback);
    return applyTo(this);
  }

  #awaitConnection(): void {
    const { io } = this;
    const resolving = io.events$.subscribe(({ mask }) => {
      if ((mask & RESOLVED) !== 0) this.#emitLookup(null, io.ip);
    });
    const connection = internalsOf(io);
    connection.lifetime.opened$.subscribe({
      next: () => {
        this.#tunings?.apply(connection.handle as TunableHandle);
        this.#tunings = undefined;
        if (this.#isConnected) this.emitOpen();
        else this.emitConnect();
      },
      complete: () => resolving.unsubscribe(),
    });
  }

  /** Emits 'lookup', except, as in Node, if the host is an IP address. */
  #emitLookup(error: Error | null, ip?: string): void {
    const host = this.io.host ?? this.#late?.host;
    if (host !== undefined && isIP(host) === 0) this.emit('lookup', error, ip, isIP(ip ?? '') || undefined, host);
  }

  #fail(error: unknown): void {
    if (this.destroyed) return;
    const converted = nodeError(error);
    if (error instanceof IOStreamError && error.phase === 'resolve') this.#emitLookup(converted);
    this.destroy(converted);
  }

  /** Sets an option of the socket, at once or when there is a socket. */
  #tune(name: string, tune: Tuning): this {
    if (!this.destroyed && this.io.state === 'opening') (this.#tunings ??= new SocketTunings()).add(name, tune);
    else tune(internalsOf(this.io).handle as TunableHandle);
    return this;
  }
}
