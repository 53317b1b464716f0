import { Socket } from 'node:net';
import {
  AsyncSubject,
  Observable,
  ReplaySubject,
  Subject,
  type OperatorFunction,
  type SchedulerLike,
  type Subscriber,
  type Subscription,
  type Observer,
} from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { CONNECTED, RESOLVED, type EventMask } from '../events.ts';
import { AsyncContext } from '../util/async-context.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { isRealTime, steadyScheduler } from '../util/real-time.ts';
import type { Dial, Flow, LayerDetails, Timeouts, Up } from '../wire/signal.ts';
import { pluginEntries, stack } from '../wire/stack.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import type { TickTarget } from '../util/tick-queue.ts';
import { Tick } from '../util/tick.ts';
import { TIMEOUTS } from '../wire/timeouts.ts';
import { after } from '../util/timer.ts';
import { abortError } from './abort.ts';
import { baseWire } from './base-wire.ts';
import { NO_HANDLE, type Handle } from './handle.ts';
import type { IOStream } from './io-stream.ts';
import { Notifier, type NotifierHost } from './notifier.ts';
import { mergeTimeouts } from './merge-timeouts.ts';
import { DEFAULTS, type Callback, type CallbackTarget, type IOStreamOptions, type StreamEvent } from './options.ts';
import { UNSUBSCRIBED, ReadSide, type ReadEnd, type ReadHost } from './read-side.ts';
import type { ClosedReport, StreamState } from './report.ts';
import { SendQueue } from './send-queue.ts';
import { WriteSide, type WriteHost } from './write-side.ts';

const NO_DETAILS: Readonly<Record<string, LayerDetails>> = Object.freeze({});

/** Handles what the user of a stream does not: implemented for the server that accepted it and the Promise that opened it. */
export interface Supervisor {
  /** Called when a fatal error reached no handler. Without this function the error is kept for the next read, send or `closed$`. */
  unhandled?(error: IOStreamError, core: Connection): void;
  /** Called when a callback threw; its stream is closed. */
  thrown(error: unknown, core: Connection): void;
  /** Called when `successor` has taken over the wire. */
  upgraded?(successor: IOStream, core: Connection): void;
}

const UNSUPERVISED: Supervisor = { unhandled: reportUnhandled, thrown: reportUnhandled };

/**
 * Error codes that are no failure after the peer's EOF.
 *
 * - A peer that closes with unread input resets the connection.
 * - Node's TLS over a Duplex writes close_notify to a Duplex that has already ended or closed.
 */
const RESETS: readonly string[] = [
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_STREAM_ALREADY_FINISHED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
];

/**
 * Drives one connection from dial to close: passes inbound signals to the read and write side, and events to the notifier.
 *
 * ```text
 *   opening ── connected ──▶ open ── close() ──▶ closing ── handle is freed ──▶ closed
 *      └──────────── error, reset(), both directions ended ───────────────────────▲
 * ```
 */
export class Connection implements ReadHost, WriteHost, NotifierHost, TickTarget, Observer<Up> {
  readonly io: IOStream;
  readonly options: IOStreamOptions;
  readonly scheduler: SchedulerLike;
  readonly notifier: Notifier;
  readonly reads: ReadSide;
  readonly writes: WriteSide;
  readonly #timeouts: { -readonly [K in keyof Timeouts]: Timeouts[K] };

  // Options that may change while the stream is open; read at each event.
  cb: Callback | CallbackTarget | undefined;
  method: string;
  waitFor: EventMask | undefined;
  inBufLimit: number | undefined;
  /** `undefined`: half-open in manual mode only. */
  allowHalfOpen: boolean | undefined;

  state: StreamState = 'opening';
  details: Readonly<Record<string, LayerDetails>> = NO_DETAILS;
  handle: Handle = NO_HANDLE;
  /** Whether an Observable of this library emits the fatal error to its subscriber. */
  handled = false;
  supervisor: Supervisor = UNSUPERVISED;
  /** Whether a reader or a send was active when the stream closed. It receives the end and may still act on it. */
  wasInUse = false;
  /** How the stream ended for its readers and sends. */
  end: ReadEnd | undefined;
  /** Set when the state becomes 'closed'. */
  closedReport: ClosedReport | undefined;
  #closing: AsyncSubject<ReadEnd> | undefined;
  #opened: Subject<void> | undefined;
  #tlsStart: Subject<string | undefined> | undefined;
  #closed: AsyncSubject<ClosedReport> | undefined;
  #eof: Subject<void> | undefined;
  /** A fatal error that has reached no handler so far. */
  #unhandled: IOStreamError | undefined;
  /** Called when the stream has ended and every reader has received the end. */
  #onReadersDone: (() => void) | undefined;
  /** Subscribers of `closed$`: they handle an error, and keep the process alive while the stream closes. */
  #closeWaiters = 0;
  #keepAlive: Subscription | undefined;
  /** The owner has unsubscribed: the stream closes at the end of the tick, silently. */
  #leaving = false;
  /** A `send` failed or was unsubscribed midway: the peer has received truncated data. */
  #hasCutUpload = false;

  /** Outbound signals. Buffered until the wire subscribes. */
  #flow: Observer<Flow> | undefined;
  #up: Subscriber<Up> | undefined;
  /** Inbound signals and aborts that arrived during the tick of `new`; replayed when it ends. */
  #deferred: (() => void)[] | undefined = [];
  #connectedAt: number | undefined;
  readonly #startedAt: number;
  /** A fatal error is being reported; the wire can no longer be used. */
  #failing = false;
  #endedBy: 'us' | 'peer' | undefined;
  #bytesIn = 0;
  #unref = false;
  readonly #tick: Tick;
  /** Callbacks run in the async context of the code that made the stream. */
  readonly #context = new AsyncContext();
  /** An inbound signal is being dispatched, and whether it is `sent`; a flush may be due after it. */
  #dispatching = false;
  #isSent = false;
  #flushDue = false;
  /** Errors of rejected calls, one per code; reported at the end of the caller's tick. */
  #laterErrors: { readonly error: IOStreamError; readonly fatal: boolean }[] | undefined;
  #sends: SendQueue | undefined;
  #onAbort: (() => void) | undefined;

  constructor(io: IOStream, options: IOStreamOptions) {
    this.io = io;
    this.options = options;
    this.scheduler = steadyScheduler(options.scheduler ?? DEFAULTS.scheduler);
    this.#tick = new Tick(this.scheduler, this);
    this.#timeouts = options.timeouts ? mergeTimeouts(TIMEOUTS, options.timeouts) : { ...TIMEOUTS };
    this.#startedAt = this.scheduler.now();
    this.cb = options.cb;
    this.method = options.method ?? DEFAULTS.method;
    this.waitFor = options.waitFor;
    this.inBufLimit = options.inBufLimit;
    this.allowHalfOpen = options.allowHalfOpen;
    this.notifier = new Notifier(this);
    this.reads = new ReadSide(this);
    this.writes = new WriteSide(this);
  }

  // ReadHost, WriteHost, NotifierHost

  get onEvent(): ((event: StreamEvent) => void) | undefined {
    return this.options.onEvent;
  }

  get highWaterMark(): number {
    return this.options.highWaterMark ?? DEFAULTS.highWaterMark;
  }

  get outBufLimit(): number {
    return this.options.outBufLimit ?? DEFAULTS.outBufLimit;
  }

  get writeTimeout(): number {
    return this.#timeouts.write;
  }

  get idleTimeout(): number {
    return this.#timeouts.idle;
  }

  get timeouts(): Timeouts {
    return { ...this.#timeouts };
  }

  set timeouts(wanted: Partial<Timeouts>) {
    // Every layer shares this object: the wire reads `close` from it when it closes.
    Object.assign(this.#timeouts, mergeTimeouts(this.#timeouts, wanted));
    this.writes.resetTimeout();
    this.reads.resetTimeout();
  }

  wants(mask: EventMask): boolean {
    return this.notifier.wants(mask);
  }

  notify(mask: EventMask): void {
    if (this.isActive) this.notifier.notify(mask);
  }

  send(signal: Flow): void {
    if (signal.kind === 'data') this.io.outBytes += signal.bytes.length;
    (this.#flow ?? this.#buffer()).next(signal);
  }

  #buffer(): Observer<Flow> {
    return (this.#flow = new ReplaySubject<Flow>(Infinity));
  }

  /** @param handled whether the caller reports the error, too. */
  report(error: IOStreamError, handled = false): void {
    if (!this.isActive) return;
    if (this.#isFatal(error)) this.fail(error, handled);
    else this.notifier.emitError(error);
  }

  /** Reports the error of a rejected call at the end of the caller's tick. */
  reportLater(error: IOStreamError, { fatal = false }: { readonly fatal?: boolean } = {}): void {
    const refusals = (this.#laterErrors ??= []);
    if (refusals.some((each) => each.error.code === error.code && each.fatal === fatal)) return;
    refusals.push({ error, fatal });
    this.requestTick();
  }

  onCallbackThrow(error: unknown): void {
    // If the callback has closed the stream, or a fatal error is being reported, leave the state as it is.
    if (this.isActive) {
      this.#failing = true;
      this.#flow?.error(error);
      this.#finish('error', error, { error });
    }
    this.supervisor.thrown(error, this);
  }

  /**
   * Schedules a flush: after the current inbound signal has been dispatched, otherwise at the end of the tick.
   *
   * - A write in answer to inbound data is the common case; one microtask for each made ping-pong slower.
   * - A write in answer to `sent` is flushed at the end of the tick. A kernel that accepts all at once would otherwise block the
   *   event loop.
   */
  flushSoon(): void {
    if (this.#dispatching && !this.#isSent) this.#flushDue = true;
    else this.requestTick();
  }

  /** Flushes at once, or after the current inbound signal has been dispatched. */
  flush(): void {
    if (this.#dispatching) this.#flushDue = true;
    else if (this.isOpen) this.writes.flush();
  }

  /** Requests `onTick` at the end of this tick. */
  requestTick(): void {
    this.#tick.request();
  }

  // Lifecycle

  get isOpen(): boolean {
    return this.state === 'opening' || this.state === 'open';
  }

  /** Dials. Throws a TypeError for wrong arguments. */
  start(): void {
    const { fh, signal } = this.options;
    const dialled = this.#dialled();
    this.requestTick();
    if (signal) {
      this.#onAbort = () => this.close({ error: abortError(signal) });
      if (signal.aborted) this.#deferred?.push(this.#onAbort);
      else signal.addEventListener('abort', this.#onAbort);
      // Already aborted: do not dial. An `fh` is still opened, since the stream owns it and must free it.
      if (signal.aborted && fh === undefined) return;
    }
    this.#up = guardedSubscriber<Up>(this);
    const flow$ = new Observable<Flow>((flow) => {
      if (this.#flow instanceof ReplaySubject) this.#flow.subscribe(flow);
      this.#flow = flow;
    });
    flow$.pipe(dialled).subscribe(this.#up);
  }

  #dialled(): OperatorFunction<Flow, Up> {
    const { plugin = {} } = this.options;
    const { wire, to } = baseWire(this.options);
    const dial: Dial = {
      to,
      timeouts: this.#timeouts,
      deadline: this.#startedAt + this.#timeouts.establish,
      scheduler: this.scheduler,
      onTlsStart: (layer) => this.#tlsStart?.next(layer),
    };
    return stack(plugin, wire)(dial);
  }

  close(end: ReadEnd = {}): void {
    if (!this.isOpen || this.#failing) return;
    this.state = 'closing';
    this.#endedBy = 'us';
    this.#replayDeferred();
    this.#noteActivity();
    this.#completeObservers(end);
    // `#silence` has ended the active sends, too: reset if one was cut midway.
    if (end.unsubscribed && this.#hasCutUpload && !this.writes.ended) {
      this.reset(undefined, end);
      return;
    }
    // Truncated data must not look complete: readers receive all bytes read before an abort, then its error.
    if ('error' in end) this.reads.close(end);
    else this.reads.abandon(end);
    this.#checkReadersDone();
    if (this.#connectedAt === undefined) {
      this.#finish('us', end.error, end);
      return;
    }
    this.writes.flushAll();
    (this.#flow ?? this.#buffer()).complete();
    this.#stayAlive();
  }

  reset(cause?: unknown, end: ReadEnd = cause === undefined ? {} : { error: cause }): void {
    if (this.state === 'closed' || this.#failing) return;
    this.state = 'closing';
    this.#failing = true; // The wire errors with the cause; ignore it.
    this.#noteActivity();
    this.#completeObservers(end);
    this.#flow?.error(cause ?? new IOStreamError('ECONNABORTED', { phase: 'close', message: 'the stream was reset by reset()' }));
    this.#finish('us', cause, end);
  }

  /** Frees the wire at once, without a closing handshake. The kernel still transmits sent bytes; nothing more is received. */
  drop(): void {
    if (!this.#failing) this.#finish('us', undefined, {});
  }

  /**
   * Closes silently at the end of the tick, after the owner has unsubscribed. Resets if a `send` was cut midway.
   *
   * RxJS tears down a source before its inner Observables, and those must not see an end. Readers and sends that remain are
   * unsubscribed without a notification, too.
   */
  leave(): void {
    if (this.state === 'closed' || this.state === 'closing') return;
    this.#leaving = true;
    this.requestTick();
  }

  /** Notes that a `send` failed or was unsubscribed midway. */
  cutUpload(): void {
    this.#hasCutUpload = true;
  }

  /**
   * Hands the wire to `successor` and closes. Inbound signals go to the successor from now on.
   *
   * @returns `down` for outbound signals, and `free`, which frees the wire.
   */
  upgrade(successor: Observer<Up>): { readonly down: Observer<Flow>; readonly free: () => void } {
    this.next = (signal) => successor.next(signal);
    this.error = (error) => successor.error(error);
    this.complete = () => successor.complete();
    this.#finish('upgraded', undefined, {});
    return { down: this.#flow ?? this.#buffer(), free: () => this.#free() };
  }

  /** Reports a fatal error to all handlers, then frees everything. */
  fail(error: IOStreamError, handled = false): void {
    this.#failing = true;
    this.#unhandled = handled || this.handled ? undefined : error;
    if (this.notifier.emitError(error)) this.#unhandled = undefined;
    if (this.state === 'closed') return;
    this.#flow?.error(error);
    this.#finish('error', error, { error });
    if (this.#unhandled) this.requestTick();
  }

  /** Marks the fatal error as handled. */
  errorHandled(): void {
    this.#unhandled = undefined;
  }

  /** Returns the fatal error that has reached no handler so far; the caller must handle it. */
  takeError(): IOStreamError | undefined {
    const error = this.#unhandled;
    this.#unhandled = undefined;
    return error;
  }

  /** Calls `work` when the stream has ended and every reader has received the end; at once if there are no readers. */
  whenReadersDone(work: () => void): void {
    this.#onReadersDone = work;
  }

  readerLeft(): void {
    this.#checkReadersDone();
    if (this.#unhandled) this.requestTick();
  }

  #checkReadersDone(): void {
    if (!this.end || this.reads.hasReader) return;
    const served = this.#onReadersDone;
    this.#onReadersDone = undefined;
    served?.();
  }

  /** Fails because accepted bytes were lost. If none were written before, frees the wire without a reset: no data is truncated. */
  failLost(error: IOStreamError, wereWritten: boolean): void {
    if (!wereWritten) this.#up?.unsubscribe();
    this.fail(error);
  }

  setRef(ref: boolean): void {
    this.#unref = !ref;
    if (ref) this.handle.ref?.();
    else this.handle.unref?.();
  }

  /** Serializes the sends. */
  get sends(): SendQueue {
    return (this.#sends ??= new SendQueue(
      () => this.isActive,
      () => this.requestTick(),
    ));
  }

  /** Whether the stream is a `net.Socket` without plugins or a custom wire: no layer of this process still refers to sent bytes. */
  get isRawSocket(): boolean {
    const { wire, plugin = {} } = this.options;
    return wire === undefined && pluginEntries(plugin).length === 0 && this.handle.constructor === Socket;
  }

  /** Whether code outside of the stream has added a `data` listener to the socket. */
  get hasForeignDataListener(): boolean {
    return this.handle instanceof Socket && this.handle.listenerCount('data') > 1;
  }

  get isClosed(): boolean {
    return !this.isActive || this.writes.ended;
  }

  /** Emits the name of each TLS layer that starts its handshake. */
  get tlsStart$(): Observable<string | undefined> {
    return (this.#tlsStart ??= new Subject());
  }

  get opened$(): Observable<void> {
    return (this.#opened ??= new Subject());
  }

  /**
   * Emits once when the stream no longer notifies the user; replayed to late subscribers. The state is then 'closing' if we closed
   * the stream and its handle is not freed yet, otherwise 'closed'.
   */
  get closing$(): Observable<ReadEnd> {
    if (!this.#closing) {
      this.#closing = new AsyncSubject();
      this.#settle(this.#closing, this.end);
    }
    return this.#closing;
  }

  /** Emits once when the peer's EOF has arrived; replayed to late subscribers. */
  get eof$(): Observable<void> {
    return new Observable((out) => {
      if (this.io.isEof) out.next();
      if (this.io.isEof || this.state === 'closed') out.complete();
      else out.add((this.#eof ??= new Subject()).subscribe(out));
    });
  }

  /** The `closed$` of the user: a subscriber handles the stream's error, and keeps the process alive during the close. */
  get awaitedClose$(): Observable<ClosedReport> {
    return new Observable((out) => {
      this.#closeWaiters += 1;
      if (this.closedReport) this.errorHandled();
      this.#stayAlive();
      out.add(() => {
        this.#closeWaiters -= 1;
        if (this.#closeWaiters === 0) this.#keepAlive?.unsubscribe();
      });
      out.add(this.closed$.subscribe(out));
    });
  }

  /** Keeps the process alive during a close that is awaited: a closing wire alone does not wait for the peer's FIN. */
  #stayAlive(): void {
    if (this.state !== 'closing' || this.#closeWaiters === 0 || !isRealTime(this.scheduler)) return;
    this.#keepAlive?.unsubscribe();
    this.#keepAlive = after(this.#timeouts.close, this.scheduler, () => this.#stayAlive());
  }

  get closed$(): Observable<ClosedReport> {
    if (!this.#closed) {
      this.#closed = new AsyncSubject();
      this.#settle(this.#closed, this.closedReport);
    }
    return this.#closed;
  }

  // Inbound signals; none is dispatched before the tick of `new` ends

  next(signal: Up): void {
    if (this.#deferred) this.#defer(signal);
    else this.#onUp(signal);
  }

  /** A function of its own: one that may capture its argument in a closure allocates a context at every call. */
  #defer(signal: Up): void {
    this.#deferred?.push(() => this.#onUp(signal));
  }

  error(error: unknown): void {
    if (this.#deferred) this.#deferred.push(() => this.#onError(error));
    else this.#onError(error);
  }

  complete(): void {
    if (this.#deferred) this.#deferred.push(() => this.#onComplete());
    else this.#onComplete();
  }

  #onUp(signal: Up): void {
    if (!this.#dispatching) this.#leaveIfDue();
    if (this.state !== 'closed') this.#context.run(this.#dispatch, this, signal);
  }

  #dispatch(signal: Up): void {
    if (this.#dispatching) {
      this.#take(signal);
      return;
    }
    this.#dispatching = true;
    this.#isSent = signal.kind === 'sent';
    try {
      this.#take(signal);
    } finally {
      this.#dispatching = false;
    }
    if (!this.#flushDue) return;
    this.#flushDue = false;
    if (this.isOpen) this.writes.flush();
  }

  #take(signal: Up): void {
    switch (signal.kind) {
      case 'data':
        if (this.state === 'closing') return;
        this.#bytesIn += signal.bytes.length;
        this.io.inBytes += signal.bytes.length;
        if (signal.bytes.length > 0) this.reads.push(signal.bytes);
        return;
      case 'end':
        this.io.isEof = true;
        this.#endedBy ??= this.writes.ended ? 'us' : 'peer';
        this.reads.finish();
        this.#eof?.next();
        this.#eof?.complete();
        this.requestTick();
        return;
      case 'pause':
        this.writes.pause();
        return;
      case 'resume':
        this.writes.resume();
        return;
      case 'sent':
        this.reads.touch();
        this.writes.onSent(signal.bytes);
        if (this.#shouldAutoEnd()) this.requestTick();
        return;
      case 'resolved':
        this.io.ip = signal.ip;
        this.notify(RESOLVED);
        return;
      case 'connected':
        this.#onConnected(signal.details);
        return;
    }
  }

  #onConnected(details: readonly LayerDetails[]): void {
    const wire = details.at(-1) ?? {};
    this.#connectedAt = this.scheduler.now();
    if (details.length > 1)
      this.details = Object.fromEntries(details.flatMap((each) => (each.layer === undefined ? [] : [[each.layer, each]])));
    this.handle = (wire.handle as Handle | undefined) ?? NO_HANDLE;
    if (this.#unref) this.handle.unref?.();
    if (typeof wire.ip === 'string') this.io.ip = wire.ip;
    if (this.state === 'opening') this.state = 'open';
    const bare = this.options.fh !== undefined && pluginEntries(this.options.plugin ?? {}).length === 0;
    // Opened before CONNECTED is reported: queued bytes are written even if a handler closes the stream.
    this.writes.open();
    this.reads.open();
    if (!bare) this.notify(CONNECTED);
    if (!this.isOpen) return; // Closed by its own CONNECTED handler: do not announce it.
    this.writes.flush();
    this.#opened?.next();
    this.#opened?.complete();
  }

  get wasConnected(): boolean {
    return this.#connectedAt !== undefined;
  }

  /** Called when the wire has failed and is freed. */
  #onError(error: unknown): void {
    this.#leaveIfDue();
    if (this.#failing || this.state === 'closed') return;
    if (this.state === 'closing') this.#finish('us', this.end?.error ?? error, {});
    else if (this.#lostNothing(error)) this.#finish(this.#endedBy ?? 'peer', undefined, {});
    else this.fail(IOStreamError.from(error, { phase: this.wasConnected ? 'read' : 'connect' }));
  }

  /** Whether an error after the peer's FIN is a mere reset: all input has arrived, and no outbound bytes are pending. */
  #lostNothing(error: unknown): boolean {
    if (!this.io.isEof || this.writes.pending > 0 || (this.#sends?.length ?? 0) > 0) return false;
    return error instanceof IOStreamError && RESETS.includes(error.code);
  }

  /** Called when both directions have ended, or the close is complete. */
  #onComplete(): void {
    this.#leaveIfDue();
    if (!this.#failing) this.#finish(this.#endedBy ?? 'us', this.end?.error, {});
  }

  // Closing

  /** Whether the stream is active: it notifies the user and accepts calls. */
  get isActive(): boolean {
    return this.isOpen && !this.#failing;
  }

  #isFatal(error: IOStreamError): boolean {
    if (error.code === ECLOSED) return false;
    const { isFatal } = this.options;
    if (!isFatal) return this.waitFor === undefined || error.fatal;
    try {
      return isFatal(error);
    } catch (thrown) {
      this.onCallbackThrow(thrown);
      return false;
    }
  }

  /** Notes whether a reader or a send is active as the stream ends. */
  #noteActivity(): void {
    this.wasInUse ||= this.reads.hasReader || (this.#sends?.length ?? 0) > 0;
  }

  /** Completes the Observables of events, and emits on `closing$`. */
  #completeObservers(end: ReadEnd): void {
    this.end ??= end;
    this.notifier.complete();
    this.#opened?.complete();
    this.#settle(this.#closing, this.end);
  }

  #finish(by: ClosedReport['by'], error: unknown, end: ReadEnd): void {
    if (this.state === 'closed') return;
    this.#noteActivity();
    this.state = 'closed';
    this.#deferred = undefined;
    if (by !== 'upgraded') this.#free();
    if (this.#onAbort) this.options.signal?.removeEventListener('abort', this.#onAbort);
    this.closedReport = {
      by,
      ...(error === undefined ? {} : { error }),
      bytesIn: this.#bytesIn,
      bytesOut: this.writes.sent,
      unsent: this.writes.pending,
      startedAt: this.#startedAt,
      ...(this.#connectedAt === undefined ? {} : { connectedAt: this.#connectedAt }),
      closedAt: this.scheduler.now(),
    };
    this.writes.stop();
    this.reads.close(end);
    this.#completeObservers(end);
    this.#eof?.complete();
    this.#keepAlive?.unsubscribe();
    if (this.#closeWaiters > 0) this.errorHandled();
    this.#settle(this.#closed, this.closedReport);
    this.#checkReadersDone();
  }

  #free(): void {
    this.#up?.unsubscribe();
  }

  /** Emits a value once, when it is known; the AsyncSubject replays it to late subscribers. */
  #settle<T>(subject: AsyncSubject<T> | undefined, value: T | undefined): void {
    if (!subject || value === undefined) return;
    subject.next(value);
    subject.complete();
  }

  // The end of the tick

  onTick(): void {
    this.#context.run(this.#atTickEnd, this, undefined);
  }

  #atTickEnd(): void {
    this.#leaveIfDue();
    this.#replayDeferred();
    const refusals = this.#laterErrors;
    this.#laterErrors = undefined;
    for (const { error, fatal } of refusals ?? []) {
      if (fatal && this.isActive) this.fail(error);
      else this.report(error);
    }
    if (this.isOpen) this.writes.flush();
    this.reads.pump();
    if (this.#shouldAutoEnd()) this.writes.end();
    if (this.#unhandled && !this.reads.isErrorHandled) this.#reportUnhandled(this.#unhandled);
  }

  /** Reports a fatal error that no handler received. */
  #reportUnhandled(error: IOStreamError): void {
    if (!this.supervisor.unhandled) return;
    this.#unhandled = undefined;
    this.supervisor.unhandled(error, this);
  }

  /** Closes if `leave` was called: at the end of the tick, or earlier when the wire emits. */
  #leaveIfDue(): void {
    if (!this.#leaving) return;
    this.#leaving = false;
    this.close(UNSUBSCRIBED);
  }

  /** Replays early signals in order. New ones queue behind them; during the last one and later, they are dispatched directly. */
  #replayDeferred(): void {
    for (let early = this.#deferred; early; early = this.#deferred) {
      const happen = early.shift();
      if (early.length === 0) this.#deferred = undefined;
      happen?.();
    }
  }

  /** Whether to end our direction: half-open is off, the peer has ended, and all accepted bytes are sent. */
  #shouldAutoEnd(): boolean {
    if (!this.io.isEof || !this.isOpen || this.writes.ended || this.writes.pending > 0) return false;
    const { allowHalfOpen = this.waitFor !== undefined } = this;
    // A pull reader sees EOF only after draining the buffer and may still write until then.
    return !allowHalfOpen && (this.#sends?.length ?? 0) === 0 && !this.reads.isPulled;
  }
}
