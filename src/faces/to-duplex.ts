import { Duplex } from 'node:stream';
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { coreOf, IOStream } from '../stream/io-stream.ts';
import { Watchdog, type Watched } from '../stream/watchdog.ts';

/** A stream of Node over an {@link IOStream}, with what libraries call on a socket. */
export interface SocketDuplex extends Duplex {
  /** Whether the stack is still being connected; `'connect'` and `'ready'` tell the end of that. */
  readonly connecting: boolean;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** Whether a TLS plugin is part of the stack, and what it agreed upon; false until it is connected. */
  readonly encrypted: boolean;
  readonly alpnProtocol: string | false;
  /** `'timeout'` is told when nothing was read and nothing written for `ms`; 0 is never. It closes nothing, as in Node. */
  setTimeout(ms: number, callback?: () => void): this;
  setNoDelay(noDelay?: boolean): this;
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  ref(): this;
  unref(): this;
  /** Ends, and destroys when all was written. */
  destroySoon(): void;
  /** Resets the connection (RST). */
  resetAndDestroy(): this;
}

/**
 * Makes a `Duplex` of a connection, for libraries that want a socket: `ws`, database clients, `http2.connect({ createConnection })`.
 *
 * ```text
 *   library ── write ──▶ send ──▶ plugins ──▶ wire       the write's callback: its bytes have left
 *   library ◀── read ─── consume ◀── plugins ◀── wire    read no faster than the library reads
 *   library ── end ────▶ io.end()      library ◀── 'end' ── the peer's FIN
 * ```
 *
 * From now on the Duplex is the only reader of the stream; use one or the other. It is `'connect'`ed when the last plugin is
 * through; what is written before waits. The half-close is that of the stream: with `allowHalfOpen` false (the default without
 * `waitFor`) the end of the peer ends ours, too.
 *
 * A fatal error of the stream destroys the Duplex with it (`'error'`, then `'close'`). `destroy()` is `io.close()`, with an
 * error `io.reset()`; `'close'` comes when the handle is free. Closing the stream ends the Duplex, which is destroyed when what
 * came before has been read; so it is with a stream that is closed already. Lossless; holds at most `highWaterMark` bytes each
 * way.
 *
 * `setNoDelay` and `setKeepAlive` go to the socket at the bottom, if there is one.
 *
 * ```ts
 * import { open, toDuplex } from 'rxjs-io-stream';
 *
 * const io = await open({ host: '127.0.0.1', port: 7 });
 * process.stdin.pipe(toDuplex(io)).pipe(process.stdout);
 * ```
 *
 * @throws TypeError for what is no IOStream.
 */
export function toDuplex(io: IOStream): SocketDuplex {
  if (!(io instanceof IOStream)) throw new TypeError(`expected an IOStream for toDuplex, got ${typeof io}`);
  return new Face(io);
}

/** Where the options of a socket are set: the handle at the bottom, if it has them. */
interface Tunable {
  setNoDelay?(noDelay?: boolean): void;
  setKeepAlive?(enable?: boolean, initialDelay?: number): void;
}

class Face extends Duplex implements SocketDuplex, Watched {
  readonly #io: IOStream;
  readonly #reading: Subscription;
  /** The chunk that was pushed and for which the library has not asked for more. */
  #taken: Subscriber<never> | undefined;
  #sending: Subscription | undefined;
  #idle: Watchdog | undefined;
  /** What {@link Watched} asks: milliseconds of silence until `'timeout'`. */
  limit = Infinity;
  readonly awaits = true;

  constructor(io: IOStream) {
    const core = coreOf(io);
    const { allowHalfOpen = io.waitFor !== undefined } = core.options;
    super({ allowHalfOpen, readableHighWaterMark: core.highWaterMark, writableHighWaterMark: core.highWaterMark, emitClose: true });
    this.#io = io;
    if (io.state === 'opening') {
      core.opened$.subscribe(() => {
        this.emit('connect');
        this.emit('ready');
      });
    }
    this.#reading = io
      .consume((chunk) => this.#give(chunk))
      .subscribe({
        error: (error: unknown) => this.destroy(error as Error),
        complete: () => this.push(null),
      });
    // Without an error it is destroyed when what came has been read: there may still be bytes in it.
    io.closed$.subscribe(({ error }) => (error === undefined ? this.end() : this.destroy(error as Error)));
  }

  // Readable and Writable

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.complete();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: () => void): void {
    if (!coreOf(this.#io).isClosed) this.#io.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#idle?.stop();
    this.#reading.unsubscribe();
    this.#sending?.unsubscribe();
    if (error) this.#io.reset();
    else this.#io.close();
    this.#io.closed$.subscribe(() => done(error));
  }

  // The socket that libraries expect

  get connecting(): boolean {
    return this.#io.state === 'opening';
  }

  get bytesRead(): number {
    return this.#io.inBytes;
  }

  get bytesWritten(): number {
    return this.#io.outBytes;
  }

  get remoteAddress(): string | undefined {
    return this.#io.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#io.remotePort;
  }

  get localAddress(): string | undefined {
    return this.#io.localAddress;
  }

  get localPort(): number | undefined {
    return this.#io.localPort;
  }

  get encrypted(): boolean {
    return this.#tls !== undefined;
  }

  get alpnProtocol(): string | false {
    const agreed = this.#tls?.alpnProtocol;
    return typeof agreed === 'string' ? agreed : false;
  }

  setTimeout(ms: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.#idle?.stop();
    this.limit = ms > 0 ? ms : Infinity;
    // As in Node, 0 takes the callback back.
    if (callback && ms > 0) this.once('timeout', callback);
    else if (callback) this.off('timeout', callback);
    (this.#idle ??= new Watchdog(coreOf(this.#io).scheduler, this)).touch();
    return this;
  }

  setNoDelay(noDelay?: boolean): this {
    this.#handle.setNoDelay?.(noDelay);
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelay?: number): this {
    this.#handle.setKeepAlive?.(enable, initialDelay);
    return this;
  }

  ref(): this {
    this.#io.ref();
    return this;
  }

  unref(): this {
    this.#io.unref();
    return this;
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy()).end();
  }

  resetAndDestroy(): this {
    this.#io.reset();
    return this.destroy();
  }

  /** What {@link Watched} calls after `limit` milliseconds of silence. */
  alarm(): void {
    this.emit('timeout');
  }

  get #handle(): Tunable {
    return coreOf(this.#io).handle as Tunable;
  }

  get #tls(): Readonly<Record<string, unknown>> | undefined {
    return Object.values(this.#io.details).find((each) => 'alpnProtocol' in each);
  }

  #give(chunk: Buffer): Observable<never> {
    return new Observable((taken) => {
      this.#idle?.touch();
      if (this.push(chunk)) taken.complete();
      else this.#taken = taken;
    });
  }

  #send(chunks: readonly Buffer[], done: (error?: Error | null) => void): void {
    this.#idle?.touch();
    this.#sending = this.#io.send(chunks).subscribe({
      error: (error: unknown) => done(error as Error),
      complete: () => {
        this.#idle?.touch();
        done();
      },
    });
  }
}
