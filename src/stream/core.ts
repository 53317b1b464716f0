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
import { AsyncContext } from '../wire/async-context.ts';
import { inlet } from '../wire/operate.ts';
import { isRealTime, steadyScheduler } from '../wire/real-time.ts';
import type { Dial, Flow, LayerDetails, Timeouts, Up } from '../wire/signal.ts';
import { pluginEntries, stack } from '../wire/stack.ts';
import { reportUnhandled, Tick, type TickTarget } from '../wire/tick.ts';
import { TIMEOUTS } from '../wire/timeouts.ts';
import { after } from '../wire/timer.ts';
import { abortError } from './abort.ts';
import { baseWire } from './base-wire.ts';
import { NO_HANDLE, type Handle } from './handle.ts';
import type { IOStream } from './io-stream.ts';
import { Notifier, type NotifierHost } from './notifier.ts';
import { DEFAULTS, mergeTimeouts, type Callback, type CallbackTarget, type IOStreamOptions, type StreamEvent } from './options.ts';
import { LEFT, ReadSide, type ReadEnd, type ReadHost } from './read-side.ts';
import type { ClosedReport, StreamState } from './report.ts';
import { SendLine } from './send-line.ts';
import { WriteSide, type WriteHost } from './write-side.ts';

const NO_DETAILS: Readonly<Record<string, LayerDetails>> = Object.freeze({});

/** What is responsible for a stream besides its user: the server that accepted it, the Promise that opened it. */
export interface Supervisor {
  /** A fatal error reached no handler. Without this function it waits for the next read, send or `closed$`. */
  unhandled?(error: IOStreamError, core: Core): void;
  /** A callback threw; its stream is closed. */
  thrown(error: unknown, core: Core): void;
  /** `successor` has taken over the wire. */
  upgraded?(successor: IOStream, core: Core): void;
}

const UNSUPERVISED: Supervisor = { unhandled: reportUnhandled, thrown: reportUnhandled };

/**
 * What a peer that closes over unread input answers with; and what Node's own TLS over a Duplex ends with when the peer has ended
 * first: its last record, close_notify, is written to a Duplex that has ended or is closed.
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
 * The life of one connection: dials, hands what comes up to the two sides and what is to be told to the notifier, and ends.
 *
 * ```text
 *   opening ── connected ──▶ open ── close() ──▶ closing ── handle is free ──▶ closed
 *      └──────────── error, reset(), both directions ended ──────────────────────▲
 * ```
 */
export class Core implements ReadHost, WriteHost, NotifierHost, TickTarget, Observer<Up> {
  readonly io: IOStream;
  readonly options: IOStreamOptions;
  readonly scheduler: SchedulerLike;
  readonly notifier: Notifier;
  readonly reads: ReadSide;
  readonly writes: WriteSide;
  readonly #timeouts: { -readonly [K in keyof Timeouts]: Timeouts[K] };

  // Fields of the stream that are asked anew at each event.
  cb: Callback | CallbackTarget | undefined;
  method: string;
  waitFor: EventMask | undefined;
  inBufLimit: number | undefined;
  /** Undefined is the default: half-open in manual mode only. */
  allowHalfOpen: boolean | undefined;

  state: StreamState = 'opening';
  details: Readonly<Record<string, LayerDetails>> = NO_DETAILS;
  handle: Handle = NO_HANDLE;
  /** An Observable of ours passes a fatal error to its subscriber. */
  handled = false;
  supervisor: Supervisor = UNSUPERVISED;
  /** Whether something read or sent when the stream closed: it gets the end, and may still act on it. */
  wasInUse = false;
  /** How the stream ended for its readers and senders. */
  end: ReadEnd | undefined;
  /** Set once it is closed. */
  report: ClosedReport | undefined;
  #closing: AsyncSubject<ReadEnd> | undefined;
  #opened: Subject<void> | undefined;
  #tlsStart: Subject<string | undefined> | undefined;
  #closed: AsyncSubject<ClosedReport> | undefined;
  #eof: Subject<void> | undefined;
  /** A fatal error that has reached no handler so far. */
  #unhandled: IOStreamError | undefined;
  /** Called when the stream has ended and every reader has received the end. */
  #onServed: (() => void) | undefined;
  /** Subscribers of `closed$`: they handle an error, and keep the process alive while the stream closes. */
  #closeWaiters = 0;
  #keepAlive: Subscription | undefined;
  /** The owner has unsubscribed: the stream closes at the end of the tick, silently. */
  #leaving = false;
  /** A `send` was given up or failed midway: what the peer has got is not whole. */
  #hasCutUpload = false;

  /** The way down; until the wire listens, what is said to it is kept. */
  #flow: Observer<Flow> | undefined;
  #up: Subscriber<Up> | undefined;
  /** What happened before the tick of `new` was over. */
  #early: (() => void)[] | undefined = [];
  #connectedAt: number | undefined;
  readonly #startedAt: number;
  /** A fatal error is being told; nothing can be done about the wire any more. */
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
  /** Errors of calls, reported when the caller's tick is over: one of each code. */
  #refusals: { readonly error: IOStreamError; readonly fatal: boolean }[] | undefined;
  #sends: SendLine | undefined;
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

  // What the sides and the notifier ask

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
    // The same object all the way down: the wire asks it for `close` when it closes.
    Object.assign(this.#timeouts, mergeTimeouts(this.#timeouts, wanted));
    this.writes.retime();
    this.reads.retime();
  }

  listensTo(mask: EventMask): boolean {
    return this.notifier.listensTo(mask);
  }

  notify(mask: EventMask): void {
    if (this.tells) this.notifier.notify(mask);
  }

  give(signal: Flow): void {
    if (signal.kind === 'data') this.io.outBytes += signal.bytes.length;
    (this.#flow ?? this.#keep()).next(signal);
  }

  #keep(): Observer<Flow> {
    return (this.#flow = new ReplaySubject<Flow>(Infinity));
  }

  /** @param handled whether the caller reports it, too. */
  raise(error: IOStreamError, handled = false): void {
    if (!this.tells) return;
    if (this.#isFatal(error)) this.fail(error, handled);
    else this.notifier.tell(error);
  }

  /** A call was refused: its error is reported when the caller's tick is over. */
  refuse(error: IOStreamError, { fatal = false }: { readonly fatal?: boolean } = {}): void {
    const refusals = (this.#refusals ??= []);
    if (refusals.some((each) => each.error.code === error.code && each.fatal === fatal)) return;
    refusals.push({ error, fatal });
    this.pulse();
  }

  threw(error: unknown): void {
    // If the callback has closed the stream, or a fatal error is being reported, leave the state as it is.
    if (this.tells) {
      this.#failing = true;
      this.#flow?.error(error);
      this.#finish('error', error, { error });
    }
    this.supervisor.thrown(error, this);
  }

  /**
   * Schedules a flush: after the current inbound signal has been dispatched, otherwise at the end of the tick. Answers to what
   * comes are the common case, and a microtask each made ping-pong slower. Answers to `sent` wait for the tick: a socket whose
   * kernel takes all at once would never let the event loop turn.
   */
  flushSoon(): void {
    if (this.#dispatching && !this.#isSent) this.#flushDue = true;
    else this.pulse();
  }

  /** Flushes at once, or after the current inbound signal has been dispatched. */
  flush(): void {
    if (this.#dispatching) this.#flushDue = true;
    else if (this.isOpen) this.writes.flush();
  }

  /** Requests `onTick` at the end of this tick. */
  pulse(): void {
    this.#tick.request();
  }

  // The life

  get isOpen(): boolean {
    return this.state === 'opening' || this.state === 'open';
  }

  /** Dials. Throws what the arguments deserve. */
  start(): void {
    const { fh, signal } = this.options;
    const dialled = this.#dialled();
    this.pulse();
    if (signal) {
      this.#onAbort = () => this.close({ error: abortError(signal) });
      if (signal.aborted) this.#early?.push(this.#onAbort);
      else signal.addEventListener('abort', this.#onAbort);
      // Aborted before: nothing is dialled any more; but an fh is ours, and is to be freed.
      if (signal.aborted && fh === undefined) return;
    }
    this.#up = inlet<Up>(this);
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
    this.#replayEarly();
    this.#noteUse();
    this.#silence(end);
    // A send that was still active has been cut by this, too.
    if (end.left && this.#hasCutUpload && !this.writes.ended) {
      this.reset(undefined, end);
      return;
    }
    // Truncated data must not look complete: an abort is reported after all that was read before it.
    if ('error' in end) this.reads.close(end);
    else this.reads.abandon(end);
    this.#checkServed();
    if (this.#connectedAt === undefined) {
      this.#finish('us', end.error, end);
      return;
    }
    this.writes.flushAll();
    (this.#flow ?? this.#keep()).complete();
    this.#stayAlive();
  }

  reset(cause?: unknown, end: ReadEnd = cause === undefined ? {} : { error: cause }): void {
    if (this.state === 'closed' || this.#failing) return;
    this.state = 'closing';
    this.#failing = true; // The wire errors with the cause, which is no failure.
    this.#noteUse();
    this.#silence(end);
    this.#flow?.error(cause ?? new IOStreamError('ECONNABORTED', { phase: 'close', message: 'the stream was reset by reset()' }));
    this.#finish('us', cause, end);
  }

  /** Frees the wire at once, without farewell. What the kernel has taken is still sent; nothing more is received. */
  drop(): void {
    if (!this.#failing) this.#finish('us', undefined, {});
  }

  /**
   * The owner has unsubscribed. Closes at the end of the tick: RxJS tears a source down before the inner Observables, and what
   * leaves with the pipeline must see no end. Readers and senders that stay get nothing more either. A cut upload is reset.
   */
  leave(): void {
    if (this.state === 'closed' || this.state === 'closing') return;
    this.#leaving = true;
    this.pulse();
  }

  /** A `send` failed or was given up midway. */
  cutUpload(): void {
    this.#hasCutUpload = true;
  }

  /**
   * Hands the wire to `successor` and closes. Inbound signals go to the successor from now on.
   *
   * @returns the outbound side, and what frees the wire.
   */
  upgrade(successor: Observer<Up>): { readonly down: Observer<Flow>; readonly free: () => void } {
    this.next = (signal) => successor.next(signal);
    this.error = (error) => successor.error(error);
    this.complete = () => successor.complete();
    this.#finish('upgraded', undefined, {});
    return { down: this.#flow ?? this.#keep(), free: () => this.#free() };
  }

  /** A fatal error: reported to all handlers, then everything is freed. */
  fail(error: IOStreamError, handled = false): void {
    this.#failing = true;
    this.#unhandled = handled || this.handled ? undefined : error;
    if (this.notifier.tell(error)) this.#unhandled = undefined;
    if (this.state === 'closed') return;
    this.#flow?.error(error);
    this.#finish('error', error, { error });
    if (this.#unhandled) this.pulse();
  }

  /** The fatal error of the stream has reached a handler. */
  errorHandled(): void {
    this.#unhandled = undefined;
  }

  /** The fatal error that has reached no handler so far; the caller handles it. */
  takeError(): IOStreamError | undefined {
    const error = this.#unhandled;
    this.#unhandled = undefined;
    return error;
  }

  /** Calls `work` when the stream has ended and every reader has received the end; at once if there is none. */
  whenServed(work: () => void): void {
    this.#onServed = work;
  }

  readerLeft(): void {
    this.#checkServed();
    if (this.#unhandled) this.pulse();
  }

  #checkServed(): void {
    if (!this.end || this.reads.hasReader) return;
    const served = this.#onServed;
    this.#onServed = undefined;
    served?.();
  }

  /** A peer that got nothing is not reset: there is no part that it could take for the whole. */
  failLost(error: IOStreamError, wereWritten: boolean): void {
    if (!wereWritten) this.#up?.unsubscribe();
    this.fail(error);
  }

  setRef(ref: boolean): void {
    this.#unref = !ref;
    if (ref) this.handle.ref?.();
    else this.handle.unref?.();
  }

  /** Where sends wait for each other. */
  get sends(): SendLine {
    return (this.#sends ??= new SendLine(
      () => this.tells,
      () => this.pulse(),
    ));
  }

  /** Between the user and the kernel is nothing but a socket of Node: no memory of the process holds what has left. */
  get isPlain(): boolean {
    const { wire, plugin = {} } = this.options;
    return wire === undefined && pluginEntries(plugin).length === 0 && this.handle.constructor === Socket;
  }

  /** Somebody listens to the socket itself, besides us. */
  get isOverheard(): boolean {
    return this.handle instanceof Socket && this.handle.listenerCount('data') > 1;
  }

  get isClosed(): boolean {
    return !this.tells || this.writes.ended;
  }

  /** Emits the name of each layer of TLS that begins its handshake. */
  get tlsStart$(): Observable<string | undefined> {
    return (this.#tlsStart ??= new Subject());
  }

  get opened$(): Observable<void> {
    return (this.#opened ??= new Subject());
  }

  /**
   * Emits once when nothing more is told to the user, to late subscribers too; the state is 'closing' then if we closed it and
   * the handle is not free yet, else 'closed'.
   */
  get closing$(): Observable<ReadEnd> {
    if (!this.#closing) {
      this.#closing = new AsyncSubject();
      this.#tell(this.#closing, this.end);
    }
    return this.#closing;
  }

  /** Emits once when the peer's EOF has come; to late subscribers too. */
  get eof$(): Observable<void> {
    return new Observable((out) => {
      if (this.io.isEof) out.next();
      if (this.io.isEof || this.state === 'closed') out.complete();
      else out.add((this.#eof ??= new Subject()).subscribe(out));
    });
  }

  /** As `closed$`, for the user: a subscriber handles the error of the stream, and keeps the process alive while it closes. */
  get awaitedClose$(): Observable<ClosedReport> {
    return new Observable((out) => {
      this.#closeWaiters += 1;
      if (this.report) this.errorHandled();
      this.#stayAlive();
      out.add(() => {
        this.#closeWaiters -= 1;
        if (this.#closeWaiters === 0) this.#keepAlive?.unsubscribe();
      });
      out.add(this.closed$.subscribe(out));
    });
  }

  /** A wire that closes does not keep the process alive for the peer's FIN; a close that is awaited does. */
  #stayAlive(): void {
    if (this.state !== 'closing' || this.#closeWaiters === 0 || !isRealTime(this.scheduler)) return;
    this.#keepAlive?.unsubscribe();
    this.#keepAlive = after(this.#timeouts.close, this.scheduler, () => this.#stayAlive());
  }

  get closed$(): Observable<ClosedReport> {
    if (!this.#closed) {
      this.#closed = new AsyncSubject();
      this.#tell(this.#closed, this.report);
    }
    return this.#closed;
  }

  // What comes up; nothing of it happens before the tick of `new` is over

  next(signal: Up): void {
    if (this.#early) this.#keepEarly(signal);
    else this.#onUp(signal);
  }

  /** Apart, since a function that may make a closure of its argument allocates for it at every call. */
  #keepEarly(signal: Up): void {
    this.#early?.push(() => this.#onUp(signal));
  }

  error(error: unknown): void {
    if (this.#early) this.#early.push(() => this.#onError(error));
    else this.#onError(error);
  }

  complete(): void {
    if (this.#early) this.#early.push(() => this.#onComplete());
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
        this.pulse();
        return;
      case 'pause':
        this.writes.hold();
        return;
      case 'resume':
        this.writes.release();
        return;
      case 'sent':
        this.reads.alive();
        this.writes.sent(signal.bytes);
        if (this.#endsToo()) this.pulse();
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
    // Open before it is told: what was queued leaves also when the stream is closed right there.
    this.writes.open();
    this.reads.open();
    if (!bare) this.notify(CONNECTED);
    if (!this.isOpen) return; // closed meanwhile: nobody is to begin with it
    this.writes.flush();
    this.#opened?.next();
    this.#opened?.complete();
  }

  get wasConnected(): boolean {
    return this.#connectedAt !== undefined;
  }

  /** The wire has failed and is free. */
  #onError(error: unknown): void {
    this.#leaveIfDue();
    if (this.#failing || this.state === 'closed') return;
    if (this.state === 'closing') this.#finish('us', this.end?.error ?? error, {});
    else if (this.#lostNothing(error)) this.#finish(this.#endedBy ?? 'peer', undefined, {});
    else this.fail(IOStreamError.from(error, { phase: this.wasConnected ? 'read' : 'connect' }));
  }

  /** After the peer's FIN all input is there: a reset is no failure unless something of ours was still to be sent. */
  #lostNothing(error: unknown): boolean {
    if (!this.io.isEof || this.writes.pending > 0 || (this.#sends?.length ?? 0) > 0) return false;
    return error instanceof IOStreamError && RESETS.includes(error.code);
  }

  /** Both directions have ended, or the close is complete. */
  #onComplete(): void {
    this.#leaveIfDue();
    if (!this.#failing) this.#finish(this.#endedBy ?? 'us', this.end?.error, {});
  }

  // Ends

  /** Whether anything is still told to the user, or taken. */
  get tells(): boolean {
    return this.isOpen && !this.#failing;
  }

  #isFatal(error: IOStreamError): boolean {
    if (error.code === ECLOSED) return false;
    const { isFatal } = this.options;
    if (!isFatal) return this.waitFor === undefined || error.fatal;
    try {
      return isFatal(error);
    } catch (thrown) {
      this.threw(thrown);
      return false;
    }
  }

  /** What the end of the stream finds in use. */
  #noteUse(): void {
    this.wasInUse ||= this.reads.hasReader || (this.#sends?.length ?? 0) > 0;
  }

  /** Completes what reports to the user. */
  #silence(end: ReadEnd): void {
    this.end ??= end;
    this.notifier.complete();
    this.#opened?.complete();
    this.#tell(this.#closing, this.end);
  }

  #finish(by: ClosedReport['by'], error: unknown, end: ReadEnd): void {
    if (this.state === 'closed') return;
    this.#noteUse();
    this.state = 'closed';
    this.#early = undefined;
    if (by !== 'upgraded') this.#free();
    if (this.#onAbort) this.options.signal?.removeEventListener('abort', this.#onAbort);
    this.report = {
      by,
      ...(error === undefined ? {} : { error }),
      bytesIn: this.#bytesIn,
      bytesOut: this.writes.left,
      unsent: this.writes.pending,
      startedAt: this.#startedAt,
      ...(this.#connectedAt === undefined ? {} : { connectedAt: this.#connectedAt }),
      closedAt: this.scheduler.now(),
    };
    this.writes.stop();
    this.reads.close(end);
    this.#silence(end);
    this.#eof?.complete();
    this.#keepAlive?.unsubscribe();
    if (this.#closeWaiters > 0) this.errorHandled();
    this.#tell(this.#closed, this.report);
    this.#checkServed();
  }

  #free(): void {
    this.#up?.unsubscribe();
  }

  /** Tells what is said only once, when it is known; late subscribers are told the same. */
  #tell<T>(subject: AsyncSubject<T> | undefined, value: T | undefined): void {
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
    this.#replayEarly();
    const refusals = this.#refusals;
    this.#refusals = undefined;
    for (const { error, fatal } of refusals ?? []) {
      if (fatal && this.tells) this.fail(error);
      else this.raise(error);
    }
    if (this.isOpen) this.writes.flush();
    this.reads.work();
    if (this.#endsToo()) this.writes.end();
    if (this.#unhandled && !this.reads.isHeard) this.#reportUnhandled(this.#unhandled);
  }

  /** Every handler that there was has gone without the error. */
  #reportUnhandled(error: IOStreamError): void {
    if (!this.supervisor.unhandled) return;
    this.#unhandled = undefined;
    this.supervisor.unhandled(error, this);
  }

  /** The turn of `leave` is over: at the end of the tick, or when the wire emits before that. */
  #leaveIfDue(): void {
    if (!this.#leaving) return;
    this.#leaving = false;
    this.close(LEFT);
  }

  /** What comes while some are left waits behind them; inside of the last one nothing does, as ever after. */
  #replayEarly(): void {
    for (let early = this.#early; early; early = this.#early) {
      const happen = early.shift();
      if (early.length === 0) this.#early = undefined;
      happen?.();
    }
  }

  /** Without half-open, and all we wrote has left after the peer's EOF: we end, too. */
  #endsToo(): boolean {
    if (!this.io.isEof || !this.isOpen || this.writes.ended || this.writes.pending > 0) return false;
    const { allowHalfOpen = this.waitFor !== undefined } = this;
    // Whoever takes piece by piece may still answer: for him the EOF comes behind what he has not taken.
    return !allowHalfOpen && (this.#sends?.length ?? 0) === 0 && !this.reads.isPulled;
  }
}
