import { isIP, type AddressInfo } from 'node:net';
import { constants } from 'node:os';
import { Duplex } from 'node:stream';
import { Observable, Subscription, type Subscriber } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { RESOLVED } from '../events.ts';
import { internalsOf, type IOStream } from '../stream/io-stream.ts';
import { Watchdog } from '../util/watchdog.ts';
import { nextTurn } from '../util/next-turn.ts';
import { closeAtOnce } from './close-at-once.ts';
import { nextTick } from './next-tick.ts';
import { nodeError } from './node-error.ts';
import type { SocketDuplex } from './socket-duplex.ts';

/** The socket methods that set options. Handles of other kinds lack them. */
interface TunableHandle {
  setNoDelay?(noDelay: boolean): void;
  setKeepAlive?(enable: boolean, initialDelay: number): void;
}

/** Turns of the event loop to wait for a flush. Node's TLS needs up to three for a short write: one for its records, two for the write. */
const FLUSH_TURNS = 4;

/** See `toDuplex`. */
export class IOStreamDuplex extends Duplex implements SocketDuplex {
  protected readonly io: IOStream;
  readonly #reading: Subscription = new Subscription();
  #sending: Subscription | undefined;
  /** The callback of the write that is being sent. */
  #writing: ((error?: Error | null) => void) | undefined;
  /** Completes the last pushed chunk. Set until the library reads again. */
  #pushed: Subscriber<never> | undefined;
  #watchdog: Watchdog | undefined;
  #timeout: number | undefined;
  /** Socket options set before the stream was open, by name. */
  #tunings: Map<string, (handle: TunableHandle) => void> | undefined;
  /** 'connect' was emitted, possibly before the TLS handshake. */
  #isConnected = false;
  #connectCalled = false;
  #closeEmitted = false;
  #hadError = false;

  constructor(io: IOStream) {
    const core = internalsOf(io);
    const { allowHalfOpen = io.waitFor !== undefined, highWaterMark } = core;
    super({ allowHalfOpen, readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark });
    this.io = io;
    // The Duplex ends itself after 'end', when the library has read all bytes. The stream would end earlier.
    core.allowHalfOpen = true;
    if (this.connecting) this.#awaitConnection();
    this.#read();
    // The owner has unsubscribed: readers get no end, but the socket is closed.
    core.closing$.subscribe(({ unsubscribed: left }) => {
      if (left) this.destroy();
    });
    io.closed$.subscribe(({ error }) => {
      if (error === undefined) this.end();
      else if (this.#reading.closed) this.#fail(error); // Otherwise bytes remain to be read before the error.
    });
  }

  // Readable and Writable

  override _read(): void {
    const pushed = this.#pushed;
    this.#pushed = undefined;
    pushed?.complete();
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
    if (!internalsOf(this.io).isClosed) this.io.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#watchdog?.stop();
    this.#reading.unsubscribe();
    this.#hadError = error !== null;
    const finish = (): void => {
      this.#sending?.unsubscribe();
      const isGivenUp = this.io.state !== 'closed';
      this.#free(error);
      // The callback of a cancelled write is called too. If the library gives it up itself, it must see its own 'error' first.
      const cancel = (): void => this.#written(error ?? systemError('ECANCELED', 'write'));
      if (this.#writing && !(isGivenUp && error)) nextTick(cancel);
      // In a later turn, as in Node's sockets: a TLS socket on top must react before 'close'.
      nextTurn(() => {
        done(error);
        if (this.#writing) nextTurn(cancel);
      });
    };
    if (error || this.io.state !== 'open' || !this.#isUnsent) finish();
    else this.#flush(finish);
  }

  /** Adds the argument `hadError` to 'close'. Sockets pass it, Node's streams do not. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'close') return super.emit(event, ...args);
    this.#closeEmitted = true;
    return super.emit(event, this.#hadError);
  }

  // The socket that libraries expect

  get connecting(): boolean {
    return !this.destroyed && !this.#isConnected && this.io.state === 'opening';
  }

  get pending(): boolean {
    return this.destroyed || this.connecting;
  }

  get readyState(): SocketDuplex['readyState'] {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get bytesRead(): number {
    return this.io.inBytes;
  }

  get bytesWritten(): number {
    return this.io.outBytes;
  }

  get remoteAddress(): string | undefined {
    return this.io.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.io.remotePort;
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.remoteAddress);
  }

  get localAddress(): string | undefined {
    return this.io.localAddress;
  }

  get localPort(): number | undefined {
    return this.io.localPort;
  }

  get localFamily(): string | undefined {
    return familyOf(this.localAddress);
  }

  get timeout(): number | undefined {
    return this.#timeout;
  }

  address(): AddressInfo | Record<string, never> {
    const { localAddress: address, localFamily: family, localPort: port } = this;
    return address === undefined || family === undefined || port === undefined ? {} : { address, family, port };
  }

  connect(...args: unknown[]): this {
    if (this.#closeEmitted) {
      const message = 'the connection of this Duplex is closed and cannot be opened again; make a new stream and a Duplex of it';
      throw new IOStreamError(ECLOSED, { phase: 'connect', message });
    }
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
    this.#timeout = ms;
    this.#watchdog?.stop();
    this.#watchdog = undefined;
    // As in Node, 0 removes the callback.
    if (callback && ms > 0) this.once('timeout', callback);
    else if (callback) this.off('timeout', callback);
    if (ms === 0) return this;
    this.#watchdog = new Watchdog(internalsOf(this.io).scheduler, { limit: ms, isWaiting: true, onTimeout: () => this.emit('timeout') });
    this.#watchdog.touch();
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

  /** Emits 'connect' and 'ready', as a socket does. */
  protected emitConnect(): void {
    if (this.destroyed) return;
    this.#isConnected = true;
    this.emit('connect');
    this.emit('ready');
    if (this.io.state === 'open') this.emitOpen();
  }

  /** Called when all plugins are connected. */
  protected emitOpen(): void {
    // Overridden for TLS.
  }

  #awaitConnection(): void {
    const { io } = this;
    const resolving = io.events$.subscribe(({ mask }) => {
      if ((mask & RESOLVED) !== 0) this.#emitLookup(null, io.ip);
    });
    internalsOf(io).opened$.subscribe({
      next: () => {
        const handle = internalsOf(io).handle as TunableHandle;
        for (const tune of this.#tunings?.values() ?? []) tune(handle);
        this.#tunings = undefined;
        if (this.#isConnected) this.emitOpen();
        else this.emitConnect();
      },
      complete: () => resolving.unsubscribe(),
    });
  }

  /** Emits 'lookup', except, as in Node, if the host is an IP address. */
  #emitLookup(error: Error | null, ip?: string): void {
    const { host } = this.io;
    if (host !== undefined && isIP(host) === 0) this.emit('lookup', error, ip, isIP(ip ?? '') || undefined, host);
  }

  #read(): void {
    const chunk$ = this.io.consume((chunk) => this.#push(chunk));
    this.#reading.add(
      chunk$.subscribe({
        error: (error: unknown) => {
          this.#reading.unsubscribe();
          this.#fail(error);
        },
        complete: () => {
          this.#reading.unsubscribe();
          this.push(null);
          // As in Node's sockets: without remaining bytes, 'end' is emitted even if nothing reads.
          this.read(0);
        },
      }),
    );
  }

  /** Pushes a chunk. Completes when the library reads again. */
  #push(chunk: Buffer): Observable<never> {
    return new Observable((pushed) => {
      this.#watchdog?.touch();
      if (this.push(chunk)) pushed.complete();
      else this.#pushed = pushed;
    });
  }

  #send(chunks: readonly Buffer[], done: (error?: Error | null) => void): void {
    this.#watchdog?.touch();
    this.#writing = done;
    this.#sending = this.io.send(chunks).subscribe({
      next: () => this.#watchdog?.touch(),
      error: (error: unknown) => this.#written(nodeError(error)),
      complete: () => this.#written(),
    });
  }

  #written(error?: Error): void {
    const done = this.#writing;
    this.#writing = undefined;
    done?.(error);
  }

  get #isUnsent(): boolean {
    return this.writableLength > 0 || internalsOf(this.io).writes.pending > 0;
  }

  /**
   * Calls `done` when the kernel has taken all written bytes, or after a few turns. So `write('bye'); destroy()` still sends, as in
   * Node's sockets.
   */
  #flush(done: () => void): void {
    const core = internalsOf(this.io);
    const look = (turns: number): void => {
      if (turns === 0 || !this.#isUnsent) done();
      else core.scheduler.schedule(() => look(turns - 1));
    };
    nextTick(() => {
      core.flush();
      // A socket reports a completed write one tick later.
      nextTick(() => look(FLUSH_TURNS));
    });
  }

  /** Frees the connection. Does nothing if the stream is already closing or closed. */
  #free(error: Error | null): void {
    const core = internalsOf(this.io);
    if (!core.isOpen) return;
    if (error || this.#isUnsent) this.io.reset();
    else if (this.writableFinished) closeAtOnce(this.io);
    else core.drop();
  }

  #fail(error: unknown): void {
    if (this.destroyed) return;
    const shown = nodeError(error);
    if (error instanceof IOStreamError && error.phase === 'resolve') this.#emitLookup(shown);
    this.destroy(shown);
  }

  #tune(name: string, tune: (handle: TunableHandle) => void): this {
    if (!this.destroyed && this.io.state === 'opening') (this.#tunings ??= new Map<string, typeof tune>()).set(name, tune);
    else tune(internalsOf(this.io).handle as TunableHandle);
    return this;
  }
}

function familyOf(address: string | undefined): string | undefined {
  const version = isIP(address ?? '');
  return version === 0 ? undefined : `IPv${version}`;
}

function systemError(code: 'ECANCELED' | 'EISCONN', syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -constants.errno[code], syscall });
}
