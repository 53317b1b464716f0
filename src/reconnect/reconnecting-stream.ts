import { filter, map, ReplaySubject, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { toBytes, type Bytes, type Writable } from '../stream/bytes.ts';
import type { IOStream } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import type { ClosedReport } from '../stream/report.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { channelsOf } from '../util/diagnostics-channel.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import { ConnectionWatch, type WatchPlan } from './connection-watch.ts';
import { Followers, type Follower } from './followers.ts';
import type { PersistentMessages } from './persistent-messages.ts';
import type { Persistent, PersistentStatus, UnsentReport } from './persistent-types.ts';
import { PersistentWrites, type PersistentWrite } from './persistent-writes.ts';
import { Redialer, type RedialPlan } from './redialer.ts';

const channel = /* @__PURE__ */ channelsOf<PersistentMessages<object>>();
const STATUS = /* @__PURE__ */ channel('persistent:status');

/** The checked options of `persistent`. */
export interface PersistentPlan extends RedialPlan, WatchPlan {
  readonly unsent: 'keep' | 'drop' | 'error';
  readonly repeat: boolean;
  readonly outBufLimit: number;
}

/** A lost connection or a failed attempt. Requests written in this attempt or an earlier one get no reply any more. */
export interface LostConnection {
  readonly attempt: number;
  readonly error?: unknown;
}

/** Reconnects when a connection ends, and queues writes; see `persistent`. */
export class ReconnectingStream implements Persistent {
  readonly status$: Observable<PersistentStatus>;
  readonly stream$: Observable<IOStream>;
  readonly unsent$: Observable<UnsentReport>;
  readonly blocked$: Observable<boolean>;
  /** Emits when a connection is lost or an attempt fails. */
  readonly disconnected$: Subject<void> = new Subject<void>();
  /** Emits each loss when all bytes before it have been read. */
  readonly lost$: Subject<LostConnection> = new Subject<LostConnection>();
  readonly #plan: PersistentPlan;
  readonly #redialer: Redialer;
  readonly #writes: PersistentWrites;
  readonly #followers = new Followers();
  readonly #status = new ReplaySubject<PersistentStatus>(1);
  readonly #unsent = new Subject<UnsentReport>();
  /** Return whether the connection is in use, although it carries no bytes. */
  readonly #uses: (() => boolean)[] = [];
  /** The current connection. */
  #io: IOStream | undefined;
  #watch: ConnectionWatch | undefined;
  #isClosing = false;
  /** How it ended. */
  #end: ReadEnd | undefined;

  constructor(plan: PersistentPlan) {
    this.#plan = plan;
    this.#writes = new PersistentWrites(plan.outBufLimit);
    this.status$ = this.#status.asObservable();
    this.unsent$ = this.#unsent.asObservable();
    this.blocked$ = this.#writes.blocked$.asObservable();
    this.stream$ = this.#status.pipe(
      map((status) => {
        if (status.state === 'closed' && 'error' in status) throw status.error;
        return status.state === 'connected' && isOpenBothWays(status.io) ? status.io : undefined;
      }),
      filter((io) => io !== undefined),
    );
    this.#redialer = new Redialer(plan, {
      isOpen: () => this.isOpen,
      hasPending: () => this.pending > 0,
      emit: (status) => this.#emit(status),
      connect: this.connect,
      connected: (io) => this.#connected(io),
      disconnected: (end) => this.#disconnected(end),
      finish: (end) => this.#finish(end),
    });
    this.#redialer.observeWakes();
  }

  #emit(status: PersistentStatus): void {
    if (STATUS.hasSubscribers) STATUS.publish({ persistent: this, status });
    this.#status.next(status);
  }

  get pending(): number {
    return this.#writes.pending;
  }

  readonly write = (data: Writable): boolean => {
    const bytes = toBytes(data, 'the data of write()');
    if (!this.isOpen) return false;
    const accepted = this.accept(bytes, data);
    if (!(accepted instanceof IOStreamError)) return !this.isBlocked;
    this.reportRejected(accepted, bytes, data);
    return false;
  };

  readonly connect = (): void => {
    if (!this.isOpen) return;
    this.#attempts.forget();
    if (!this.#io || this.#watch?.isEnding) this.#redialer.demand();
  };

  readonly close = (): void => {
    if (!this.isOpen) return;
    this.#isClosing = true;
    if (this.#io) {
      // Not attached yet if a subscriber of `status$` calls this.
      this.#writes.attach(internalsOf(this.#io), this.#attempts.number);
      this.#writes.flush();
      this.#io.close(); // `#disconnected` is called when its handle is free.
    } else this.#finish({});
    this.#followers.ended({}, true);
  };

  // For `framed` and `requests`

  get scheduler(): SchedulerLike {
    return this.#plan.scheduler;
  }

  /** Whether writes are accepted. */
  get isOpen(): boolean {
    return !this.#isClosing && !this.#end;
  }

  get isBlocked(): boolean {
    return this.#writes.isBlocked;
  }

  /** Queues a write, or returns the error if the queue is full. */
  accept(bytes: Bytes, data: Writable = bytes): PersistentWrite | IOStreamError {
    const outcome = this.#writes.accept(bytes, data);
    if (this.pending > 0) this.#redialer.dialIfIdle();
    return outcome;
  }

  /** Keeps the connection from being closed as idle while `isUsed` returns true. */
  keepWhile(isUsed: () => boolean): void {
    this.#uses.push(isUsed);
  }

  /** Reports a rejected write at the end of the caller's tick. */
  reportRejected(error: IOStreamError, { length }: Bytes, data: Writable): void {
    const report = { attempt: this.#attempts.number, error, writes: [{ data, length, sent: 0, written: 0, kept: false }] };
    this.#redialer.atTickEnd(() => this.#unsent.next(report));
  }

  /** Reports an error of a reader or writer to the current connection, which ends if the error is fatal. */
  report(error: IOStreamError, isHandled = false): void {
    if (this.#io) internalsOf(this.#io).errors.report(error, isHandled);
    else if (!isHandled) reportUnhandled(error);
  }

  follow(follower: Follower): void {
    this.#followers.add(follower);
    if (this.#io && isOpenBothWays(this.#io)) follower.connected(this.#io);
    if (this.#end || this.#isClosing) follower.ended(this.#end ?? {}, { isOwn: this.#isClosing });
  }

  get #attempts(): Redialer['attempts'] {
    return this.#redialer.attempts;
  }

  // The life of an attempt

  #connected(io: IOStream): void {
    const core = internalsOf(io);
    this.#io = io;
    this.#watch = new ConnectionWatch(core, this.#plan, {
      isInUse: () => this.pending > 0 || this.#uses.some((isUsed) => isUsed()),
      // Later messages are for the next connection, and need its encoder.
      onIdle: () => this.disconnected$.next(),
    });
    // Before the queue is written, so that subscribers may send a greeting first.
    this.#redialer.emit({ state: 'connected', io });
    if (this.#io === io) this.#writes.attach(core, this.#attempts.number);
    if (this.#io === io && isOpenBothWays(io)) this.#followers.connected(io);
  }

  /** Called when the attempt failed or its connection closed. */
  #disconnected(end: ReadEnd): void {
    const closed = this.#io && internalsOf(this.#io).lifetime.report;
    const wasIdle = this.#watch?.isEnding === true;
    this.#watch?.stop();
    this.#watch = undefined;
    this.#io = undefined;
    if (this.#isClosing) this.#finish(end);
    else if (wasIdle) this.#closedIdle(end);
    else this.#lost(end, closed);
  }

  #closedIdle(end: ReadEnd): void {
    this.#attempts.served();
    this.#notifyLost(end);
    if (this.isOpen) this.#redialer.idle(end);
  }

  #lost(end: ReadEnd, closed: ClosedReport | undefined): void {
    this.#attempts.failed();
    const last = this.#lastEnd(end, closed);
    if (last) {
      this.#finish(last);
      return;
    }
    this.#detach(end, this.#plan.unsent === 'keep');
    if (this.isOpen) this.#redialer.lost(end); // Otherwise closed by a subscriber.
  }

  /** Returns how the persistent stream ends after this loss. Undefined if it does not. */
  #lastEnd(end: ReadEnd, closed: ClosedReport | undefined): ReadEnd | undefined {
    const mustEnd = this.#plan.unsent === 'error' && this.pending > 0;
    if (!mustEnd && !this.#plan.repeat && !('error' in end)) return end;
    try {
      if (!mustEnd && this.#attempts.mayRetry(end, closed)) return undefined;
    } catch (error) {
      return { error };
    }
    return 'error' in end ? end : { error: connectionClosed(this.#attempts.number) };
  }

  /** Detaches the writes from this attempt, then notifies the followers and reports unsent writes. */
  #detach(end: ReadEnd, keepUnwritten: boolean): void {
    const { number: attempt, hasConnected } = this.#attempts;
    const writes = this.#writes.detach(keepUnwritten, attempt);
    this.disconnected$.next();
    this.#notifyLost(end);
    // If the attempt never connected, kept writes are not reported.
    if (writes.some(({ kept }) => hasConnected || !kept)) this.#unsent.next({ attempt, ...end, writes });
  }

  /** Notifies the followers, and emits the loss when they have read all bytes before it. */
  #notifyLost(end: ReadEnd): void {
    const { number: attempt } = this.#attempts;
    this.#followers.disconnected(() => this.lost$.next({ attempt, ...end }));
  }

  #finish(end: ReadEnd): void {
    this.#end = end;
    this.#redialer.stop();
    // Read before `#detach`, which ends the requests with this error.
    const isHandled = this.#isClosing || this.#status.observed || this.#followers.isErrorHandled;
    this.#detach(end, false);
    this.#redialer.emit({ state: 'closed', ...end });
    for (const subject of [this.#status, this.#unsent, this.#writes.blocked$, this.disconnected$, this.lost$]) subject.complete();
    this.#followers.ended(end, this.#isClosing);
    if ('error' in end && !isHandled) reportUnhandled(end.error);
  }
}

function isOpenBothWays(io: IOStream): boolean {
  return !internalsOf(io).isClosed && !io.isEof;
}

function connectionClosed(attempt: number): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'close', message: `connection closed (attempt ${attempt})` });
}
